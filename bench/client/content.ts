import { createCipheriv, createHash } from "node:crypto";

const MiB = 1024 * 1024;
/** Not a multiple of any buffer size, so that a chunk at a wrong offset has wrong bytes. */
const periodBytes = MiB + 4093;

/** Content that every process can generate: a block of pseudorandom bytes from `seed`, repeated. */
export interface Content {
  readonly sizeBytes: number;
  /** Chunks of about 1 MiB. They are views of one block. */
  readonly chunks: () => Generator<Buffer>;
  /** Whether `chunk` equals the content at `offset`. */
  readonly matches: (offset: number, chunk: Uint8Array) => boolean;
}

export function createContent(seed: string, sizeBytes: number): Content {
  const key = createHash("sha256").update(seed).digest();
  const cipher = createCipheriv("aes-256-ctr", key, Buffer.alloc(16));
  const block = cipher.update(Buffer.alloc(Math.min(periodBytes, sizeBytes)));
  return {
    sizeBytes,
    *chunks() {
      for (let offset = 0; offset < sizeBytes;) {
        const chunk = block.subarray(0, sizeBytes - offset);
        yield chunk;
        offset += chunk.length;
      }
    },
    matches(offset, chunk) {
      if (offset + chunk.length > sizeBytes) return false;
      for (let at = 0; at < chunk.length;) {
        const start = (offset + at) % periodBytes;
        const length = Math.min(chunk.length - at, periodBytes - start);
        if (block.compare(chunk, at, at + length, start, start + length) !== 0) return false;
        at += length;
      }
      return true;
    },
  };
}

export function digestOf(content: Content | Uint8Array): string {
  const hash = createHash("sha256");
  if (content instanceof Uint8Array) hash.update(content);
  else for (const chunk of content.chunks()) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}

export function bytesOf(content: Content): Buffer {
  return Buffer.concat([...content.chunks()]);
}
