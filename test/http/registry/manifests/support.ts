import { type Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { digestOf } from "../../../../src/oci/digest.ts";
import { collect, pushImageParts, putManifest, type TestBerth } from "../../../support/berth.ts";

export const pathOf = (repository: string, reference: string): string =>
  `/v2/${repository}/manifests/${reference}`;

/** The digest of bytes that no test pushes. */
export const nowhere = digestOf(Buffer.from("never pushed"));

/** Reads a manifest with status 200 and returns its bytes. */
export async function readManifest(
  berth: TestBerth,
  repository: string,
  reference: string,
): Promise<Buffer> {
  const got = await berth.api
    .get(pathOf(repository, reference))
    .buffer(true)
    .parse(collect)
    .expect(200);
  return got.body;
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Sends a request with only these headers; without a Content-Length the body is chunked. */
export function send(
  berth: TestBerth,
  method: string,
  path: string,
  options: { headers?: Record<string, string>; pieces?: readonly Buffer[]; agent?: Agent } = {},
): Promise<Answer> {
  const { headers = {}, pieces = [], agent } = options;
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { port: berth.port, path, method, headers, ...(agent && { agent }) },
      (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("end", () =>
          resolve({
            status: response.statusCode,
            headers: response.headers,
            text: Buffer.concat(parts).toString(),
          }),
        );
      },
    );
    request.on("error", reject);
    for (const piece of pieces) request.write(piece);
    request.end();
  });
}

/** Pushes an image of one layer by tag. */
export async function pushImage(
  berth: TestBerth,
  repository: string,
  tag: string,
  layer = "a layer",
) {
  const image = await pushImageParts(berth, repository, { layer });
  await putManifest(berth, repository, tag, image.manifest).expect(201);
  return image;
}

export const tagsOf = async (berth: TestBerth, repository: string): Promise<unknown> =>
  (await berth.api.get(`/v2/${repository}/tags/list`)).body.tags;
