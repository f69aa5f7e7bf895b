import type { Answer, Call, Connection } from "./connection.ts";
import { bytesOf } from "./content.ts";
import { manifestType, type Blob, type Image } from "./image.ts";

/** `put`: the blob is in the PUT, as from containerd. `patch`: a PATCH and an empty PUT, as from docker and crane. */
export type Way = "put" | "patch";

const octets = { "Content-Type": "application/octet-stream" };

/** Sends `call` and throws unless the response has this status. */
export async function expectStatus(
  connection: Connection,
  status: number,
  call: Call,
): Promise<Answer> {
  const answer = await connection.send(call);
  if (answer.status === status) return answer;
  const said = answer.body.toString("utf8", 0, 300);
  throw new Error(`${call.method} ${call.target}: ${answer.status} for ${status} ${said}`);
}

/** Pushes a new blob. Blobs of at most 1 MiB are sent in one write with the header, larger ones as a stream. */
export async function pushBlob(
  connection: Connection,
  repository: string,
  { digest, content }: Blob,
  way: Way,
): Promise<void> {
  const body = bodyOf(content, way);
  await expectStatus(connection, 404, {
    method: "HEAD",
    target: `/v2/${repository}/blobs/${digest}`,
  });
  const opened = await expectStatus(connection, 202, {
    method: "POST",
    target: `/v2/${repository}/blobs/uploads/`,
  });
  let location = locationOf(opened);
  if (way === "patch") {
    const sent = { method: "PATCH", target: location, headers: octets, ...body };
    location = locationOf(await expectStatus(connection, 202, sent));
  }
  const target = `${location}${location.includes("?") ? "&" : "?"}digest=${encodeURIComponent(digest)}`;
  const close = { method: "PUT", target, headers: octets };
  await expectStatus(connection, 201, way === "put" ? { ...close, ...body } : close);
}

function bodyOf(content: Blob["content"], way: Way): Pick<Call, "body" | "stream"> {
  const { sizeBytes } = content;
  if (sizeBytes <= 1024 * 1024) return { body: bytesOf(content) };
  const chunks = content.chunks();
  return { stream: way === "put" ? { chunks, sizeBytes } : { chunks } };
}

function locationOf(answer: Answer): string {
  const location = answer.header("location");
  if (location === undefined) throw new Error("an upload without Location");
  return location;
}

/** Pushes the blobs, and then the manifest if the tag does not exist. */
export async function pushImage(
  connection: Connection,
  { repository, tag, image, way }: { repository: string; tag: string; image: Image; way: Way },
): Promise<void> {
  for (const blob of image.blobs) await pushBlob(connection, repository, blob, way);
  const target = `/v2/${repository}/manifests/${tag}`;
  await expectStatus(connection, 404, {
    method: "HEAD",
    target,
    headers: { Accept: manifestType },
  });
  await expectStatus(connection, 201, {
    method: "PUT",
    target,
    headers: { "Content-Type": manifestType },
    body: image.manifest,
  });
}
