import { gzipSync } from "node:zlib";

export type TarEntry =
  | { path: string; content: Uint8Array | string; mode?: number }
  | { path: string; link: string }
  | { path: string; folder: true };

/** A reproducible ustar archive: its bytes depend only on the entries. The owner is root and the time is 0. */
export function createTarball(entries: readonly TarEntry[]): Buffer {
  const parts: Buffer[] = [];
  for (const entry of entries) {
    const content = "content" in entry ? Buffer.from(entry.content) : Buffer.alloc(0);
    parts.push(header(entry, content.length), content, Buffer.alloc(-content.length & 511));
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

export function createGzip(bytes: Uint8Array): Buffer {
  return gzipSync(bytes, { level: 6 });
}

function header(entry: TarEntry, sizeBytes: number): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, width: number): string =>
    `${value.toString(8).padStart(width - 1, "0")}\0`;
  const folder = "folder" in entry;
  block.write(entry.path, 0, 100);
  block.write(
    octal("mode" in entry && entry.mode !== undefined ? entry.mode : folder ? 0o755 : 0o644, 8),
    100,
  );
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(sizeBytes, 12), 124);
  block.write(octal(0, 12), 136);
  block.write(" ".repeat(8), 148);
  block.write(folder ? "5" : "link" in entry ? "2" : "0", 156);
  if ("link" in entry) block.write(entry.link, 157, 100);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
