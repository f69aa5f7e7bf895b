import { open, type FileHandle } from "node:fs/promises";
import { ImportError, type ImportBlob } from "./content.ts";

/*
 * The headers are read here, because files are read at random: `index.json` may be the last one, and a layer is read when a
 * manifest names it. The packages tar-stream and tar (node-tar) read an archive from its begin to its end, with all bytes of
 * all layers, and tell no offsets.
 */

/** The regular files of a tar archive, which is not compressed, by their names. */
export interface TarFiles {
  find(name: string): ImportBlob | undefined;
  close(): Promise<void>;
}

const block = 512;
/** An archive of Docker has a few files per layer. */
const filesAtMost = 100_000;
/** The names and sizes of one file in a pax header, or a long name. */
const headerBytesAtMost = 64 * 1024;

/** Reads the headers of the archive. Throws ImportError if the file is not a tar archive. */
export async function openTar(file: string): Promise<TarFiles> {
  const handle = await open(file, "r");
  try {
    const files = await readHeaders(file, handle);
    return {
      find(name) {
        const found = files.get(name);
        if (found === undefined) return undefined;
        const { start, sizeBytes } = found;
        return { sizeBytes, open: () => readPart(handle, start, sizeBytes) };
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

interface Place {
  readonly start: number;
  readonly sizeBytes: number;
}

async function readHeaders(file: string, handle: FileHandle): Promise<Map<string, Place>> {
  const files = new Map<string, Place>();
  const { size } = await handle.stat();
  let next: { path?: string; size?: number } = {};
  for (let at = 0; at + block <= size;) {
    const header = await readBytes(handle, at, block);
    if (header.every((byte) => byte === 0)) break;
    if (!isChecked(header))
      throw new ImportError(`${file} is not a tar archive: decompress it first, if it is one`);
    const type = String.fromCharCode(header[156] ?? 0);
    const isMeta = type === "x" || type === "L";
    const sizeBytes = (isMeta ? undefined : next.size) ?? numberIn(header, 124, 12);
    const start = at + block;
    if (!Number.isSafeInteger(sizeBytes) || start + sizeBytes > size)
      throw new ImportError(`${file} is cut off`);
    if (isMeta && sizeBytes <= headerBytesAtMost) {
      const text = await readBytes(handle, start, sizeBytes);
      next =
        type === "x"
          ? { ...next, ...paxFields(text) }
          : { ...next, path: textIn(text, 0, sizeBytes) };
    } else {
      if (type === "0" || type === "\0")
        files.set(withoutDot(next.path ?? nameIn(header)), { start, sizeBytes });
      next = {};
    }
    if (files.size > filesAtMost)
      throw new ImportError(`${file} has more than ${filesAtMost} files`);
    at = start + Math.ceil(sizeBytes / block) * block;
  }
  return files;
}

const withoutDot = (name: string): string => (name.startsWith("./") ? name.slice(2) : name);

function nameIn(header: Buffer): string {
  const isUstar = textIn(header, 257, 5) === "ustar";
  const prefix = isUstar ? textIn(header, 345, 155) : "";
  const name = textIn(header, 0, 100);
  return prefix === "" ? name : `${prefix}/${name}`;
}

function textIn(bytes: Buffer, start: number, length: number): string {
  const field = bytes.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.subarray(0, end === -1 ? length : end).toString("utf8");
}

/** An octal number; with the first bit set a binary one, for files of more than 8 GiB. */
function numberIn(header: Buffer, start: number, length: number): number {
  if (((header[start] ?? 0) & 0x80) !== 0)
    return Number(header.readBigUInt64BE(start + length - 8));
  const text = textIn(header, start, length).trim();
  return text === "" ? 0 : /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
}

function isChecked(header: Buffer): boolean {
  let sum = 0;
  for (const [at, byte] of header.entries()) sum += at >= 148 && at < 156 ? 32 : byte;
  return sum === numberIn(header, 148, 8);
}

/** `path` and `size` in a pax header: lines of `LENGTH KEY=VALUE`. */
function paxFields(text: Buffer): { path?: string; size?: number } {
  const fields: { path?: string; size?: number } = {};
  for (const line of text.toString("utf8").split("\n")) {
    const found = /^\d+ (path|size)=(.*)$/s.exec(line);
    if (found?.[1] === "path") fields.path = found[2] ?? "";
    if (found?.[1] === "size") fields.size = Number(found[2]);
  }
  return fields;
}

async function readBytes(handle: FileHandle, start: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let at = 0;
  while (at < length) {
    const { bytesRead } = await handle.read(bytes, at, length - at, start + at);
    if (bytesRead === 0) throw new ImportError("the archive is cut off");
    at += bytesRead;
  }
  return bytes;
}

const pieceBytes = 256 * 1024;

async function* readPart(handle: FileHandle, start: number, sizeBytes: number) {
  for (let at = 0; at < sizeBytes; at += pieceBytes)
    yield await readBytes(handle, start + at, Math.min(pieceBytes, sizeBytes - at));
}
