import type { Digest } from "../../src/oci/digest.ts";
import { openConnection } from "./connection.ts";

export interface HerdResult {
  /** The errors of failed clients. */
  readonly failures: readonly string[];
  readonly ms: number;
  /** The time until the first client has received the first byte of its first blob. */
  readonly firstByteMs: number;
}

/** Concurrent clients pull one image. Each opens its own connection and pulls the manifest and then each blob. */
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
  const host = `127.0.0.1:${image.port}`;
  const headers = { Accept: "application/vnd.oci.image.manifest.v1+json" };
  const startedAt = performance.now();
  let firstByteMs = Infinity;
  const pull = async (): Promise<void> => {
    const connection = await openConnection(host);
    const get = async (path: string, sink?: (chunk: Uint8Array) => void): Promise<number> => {
      const target = `/v2/${image.name}/${path}`;
      const call = { method: "GET", target, headers, ...(sink === undefined ? {} : { sink }) };
      const { status, bodyBytes } = await connection.send(call);
      if (status !== 200) throw new Error(`${target} is answered ${status}`);
      return bodyBytes;
    };
    try {
      await get(`manifests/${image.tag}`);
      let bytes = 0;
      for (const digest of image.blobs)
        bytes += await get(`blobs/${digest}`, () => {
          if (firstByteMs === Infinity) firstByteMs = performance.now() - startedAt;
        });
      if (bytes !== image.bytes) throw new Error(`${bytes} bytes came`);
    } finally {
      connection.close();
    }
  };
  const pulls = await Promise.allSettled(Array.from({ length: clients }, pull));
  return {
    failures: pulls.flatMap((one) => (one.status === "rejected" ? [String(one.reason)] : [])),
    ms: performance.now() - startedAt,
    firstByteMs,
  };
}
