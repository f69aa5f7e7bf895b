import { Agent, get } from "node:http";
import type { Digest } from "../../src/oci/digest.ts";

export interface HerdResult {
  /** Why clients failed. */
  readonly failures: readonly string[];
  readonly ms: number;
  /** Until the first byte of the first blob came, of the client that was first. */
  readonly firstByteMs: number;
}

/** Many clients pull one image at the same time, each its manifest and then one blob after the other. */
export async function runHerd(
  clients: number,
  image: {
    readonly port: number;
    readonly name: string;
    readonly tag: string;
    readonly blobs: readonly Digest[];
    readonly bytes: number;
  },
): Promise<HerdResult> {
  const agent = new Agent({ maxSockets: Infinity });
  const startedAt = performance.now();
  let firstByteMs = Infinity;
  const read = (path: string, isBlob: boolean): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { Accept: "application/vnd.oci.image.manifest.v1+json" };
      get({ host: "127.0.0.1", port: image.port, path, agent, headers }, (answer) => {
        let bytes = 0;
        answer.on("data", (chunk: Buffer) => {
          if (isBlob) firstByteMs = Math.min(firstByteMs, performance.now() - startedAt);
          bytes += chunk.length;
        });
        answer.on("error", reject);
        answer.on("end", () => {
          if (answer.statusCode === 200) resolve(bytes);
          else reject(new Error(`${path} is answered ${answer.statusCode}`));
        });
      }).on("error", reject);
    });
  const pull = async (): Promise<void> => {
    await read(`/v2/${image.name}/manifests/${image.tag}`, false);
    let bytes = 0;
    for (const digest of image.blobs)
      bytes += await read(`/v2/${image.name}/blobs/${digest}`, true);
    if (bytes !== image.bytes) throw new Error(`${bytes} bytes came`);
  };
  const pulls = await Promise.allSettled(Array.from({ length: clients }, pull));
  agent.destroy();
  return {
    failures: pulls.flatMap((pull) => (pull.status === "rejected" ? [String(pull.reason)] : [])),
    ms: performance.now() - startedAt,
    firstByteMs,
  };
}
