import type { Random } from "../../crash/content.ts";
import type { HeldImage } from "../../crash/ledger.ts";
import { octets, withDigest } from "../../crash/uploader.ts";
import type { Answer } from "../../crash/wire.ts";
import { manifestTypes, type Blob, type Manifest, type TestImage } from "./image.ts";
import type { PatientClient, TrafficRecorder } from "./traffic.ts";

/** Images and deletions that the registry has acknowledged. */
export interface Acknowledged {
  readonly images: HeldImage[];
  readonly deleted: { readonly repository: string; readonly reference: string }[];
}

export const accept = { Accept: Object.values(manifestTypes).join(", ") };

/** A client that pushes into one repository. */
export interface Pusher {
  readonly client: PatientClient;
  readonly random: Random;
  readonly repository: string;
  readonly leaseMs: number;
  readonly traffic: Pick<TrafficRecorder, "problems" | "lostSession">;
}

/** Pushes an image until all of it is acknowledged, and reads its tag back. */
export async function pushImage(
  pusher: Pusher,
  tag: string,
  { index, children }: TestImage,
  acknowledged: Acknowledged,
): Promise<void> {
  const { client, repository } = pusher;
  const { problems } = pusher.traffic;
  for (;;) {
    const begunMs = performance.now();
    for (const blob of children.flatMap(({ blobs }) => blobs)) await pushBlob(pusher, blob);
    let isComplete = true;
    for (const child of children)
      isComplete = isComplete && (await putManifest(pusher, child.digest, child));
    isComplete = isComplete && (await putManifest(pusher, tag, index));
    if (isComplete) break;
    const tookMs = performance.now() - begunMs;
    // A request extends a lease only after a quarter of it has passed, so that only 75 % of it may be left.
    if (tookMs < pusher.leaseMs * 0.7)
      problems.push(`a blob or child of ${tag} was unknown after ${Math.round(tookMs)} ms`);
  }
  const held = (reference: string, { digest, bytes }: Manifest): HeldImage => ({
    ...{ repository, digest, tag: reference, manifest: bytes },
  });
  acknowledged.images.push(held(tag, index));
  for (const child of children)
    acknowledged.images.push({ ...held(child.digest, child), tag: child.digest });
  const target = `/v2/${repository}/manifests/${tag}`;
  const read = await client.send("pull", [200], ["GET", target, { headers: accept }], [404]);
  if (read?.body.equals(index.bytes) !== true)
    problems.push(`${tag} cannot be read after its 201: ${read?.status ?? 404}`);
}

/** Pushes a blob by one of three methods, or not at all if the repository has it. A lost session begins again. */
async function pushBlob(
  { client, random, repository, traffic }: Pusher,
  { bytes, digest }: Blob,
): Promise<void> {
  const uploads = `/v2/${repository}/blobs/uploads/`;
  const sendInSession: PatientClient["send"] = async (kind, wanted, request) => {
    const answer = await client.send(kind, wanted, request, lostSession);
    if (answer === undefined) traffic.lostSession();
    return answer;
  };
  for (;;) {
    const head = ["HEAD", `/v2/${repository}/blobs/${digest}`] as const;
    if ((await client.send("pull", [200], head, [404])) !== undefined) return;
    const method = random.oneOf(["POST", "PUT", "PATCH"]);
    if (method === "POST") {
      const whole = [
        "POST",
        `${uploads}?digest=${digest}`,
        { body: bytes, headers: octets },
      ] as const;
      await client.send("push", [201], whole);
      return;
    }
    const begun = await client.send("push", [202], ["POST", uploads]);
    let location = begun?.headers.location ?? "";
    if (method === "PUT") {
      const closing = [
        "PUT",
        withDigest(location, digest),
        { body: bytes, headers: octets },
      ] as const;
      if ((await sendInSession("push", [201], closing)) !== undefined) return;
      continue;
    }
    const half = Math.ceil(bytes.length / 2);
    let sent: Answer | undefined;
    for (const [start, end] of [
      [0, half],
      [half, bytes.length],
    ] as const) {
      const headers = { ...octets, "Content-Range": `${start}-${end - 1}` };
      const chunk = { body: bytes.subarray(start, end), headers };
      sent = await sendInSession("push", [202], ["PATCH", location, chunk]);
      if (sent === undefined) break;
      location = sent.headers.location ?? location;
    }
    if (sent === undefined) continue;
    const closing = ["PUT", withDigest(location, digest)] as const;
    if ((await sendInSession("push", [201], closing)) !== undefined) return;
  }
}

/** The upload ended with an answer that did not arrive, or with the replica before its first byte was stored. */
const lostSession = [404, 416];

/** Resolves with false if the registry has not all blobs and children: MANIFEST_BLOB_UNKNOWN is 400. */
async function putManifest(
  { client, repository }: Pusher,
  reference: string,
  { bytes, mediaType }: Manifest,
): Promise<boolean> {
  const message = { body: bytes, headers: { "Content-Type": mediaType } };
  const request = ["PUT", `/v2/${repository}/manifests/${reference}`, message] as const;
  return (await client.send("push", [201], request, [400, 404])) !== undefined;
}
