import type { UploadReference } from "../blob-store.ts";
import { S3Failure, UploadChangedError } from "./failure.ts";
import { newVersion, stateName } from "./keys.ts";
import type { Multipart, Part } from "./multipart.ts";
import { encryption, type Objects, type OpenObject } from "./objects.ts";
import { readBody } from "./read.ts";

/*
 * The state of an open upload is one object, `uploads/<reference>`, which any process finds from the upload's row. S3
 * reads of one key are consistent, so this object alone defines the progress of the upload: parts that it does not name
 * are ignored.
 *
 *   {"version":"01J9…","partSize":8388608,"multipart":{…},"parts":[{"etag":…},…]}\n<the last bytes>
 *
 * One write stores both, so that a small upload costs one request. The object's metadata repeats size and version, for
 * a HEAD.
 */

export interface UploadState {
  /** Changes with every write; `undefined` before the first. */
  readonly version: string | undefined;
  /** The size of every part. It is fixed when the upload begins, even if the configuration changes later. */
  readonly partSize: number;
  readonly multipart: Multipart | undefined;
  readonly parts: readonly Part[];
  /** The bytes after the last full part. */
  readonly tailBytes: number;
  /** The size of the assembled object under the key of `multipart`. If it is set, no more bytes can be appended. */
  readonly sealedBytes: number | undefined;
}

export const sizeOf = ({ parts, partSize, tailBytes, sealedBytes }: UploadState): number =>
  sealedBytes ?? parts.length * partSize + tailBytes;

export const nothingYet = (partSize: number): UploadState => ({
  version: undefined,
  partSize,
  multipart: undefined,
  parts: [],
  tailBytes: 0,
  sealedBytes: undefined,
});

/** Space for the JSON line before the last bytes, so that one buffer is sent without a copy. */
export const headRoom = 64 * 1024;

export type States = ReturnType<typeof createStates>;

export function createStates(objects: Objects, sse: string | undefined, idleMs: number) {
  const open = (upload: UploadReference) => objects.get(stateName(upload));

  /** The state with each piece of the bytes after the JSON line. */
  async function* lines(
    found: OpenObject,
  ): AsyncGenerator<{ readonly state: UploadState; readonly rest: Uint8Array }> {
    let head = Buffer.alloc(0);
    let state: UploadState | undefined;
    for await (const piece of readBody(found, "GET of a state", found.sizeBytes, idleMs)) {
      if (state !== undefined) {
        yield { state, rest: piece };
        continue;
      }
      head = Buffer.concat([head, piece]);
      const end = head.indexOf(0x0a);
      if (end < 0) continue;
      // JSON omits `undefined` fields.
      state = { ...nothingYet(0), ...(JSON.parse(head.toString("utf8", 0, end)) as UploadState) };
      yield { state, rest: head.subarray(end + 1) };
    }
  }

  return {
    /** Size and version, by a HEAD; `undefined` for an upload that has no bytes yet or is gone. */
    async look(
      upload: UploadReference,
    ): Promise<{ readonly sizeBytes: number; readonly version: string } | undefined> {
      const found = await objects.head(stateName(upload));
      if (found === undefined) return undefined;
      const { size, version } = found.metadata;
      if (size === undefined || version === undefined)
        throw new S3Failure(`HEAD ${stateName(upload)}`, "NoMetadata", "its metadata is missing");
      return { sizeBytes: Number(size), version };
    },

    /** The state without its tail; `undefined` as in {@link look}. */
    async load(upload: UploadReference): Promise<UploadState | undefined> {
      const found = await open(upload);
      if (found === undefined) return undefined;
      // Leave the loop after the JSON line, so that the last bytes are not read.
      for await (const { state } of lines(found)) return state;
      throw new S3Failure(`GET ${stateName(upload)}`, "NoState", "its first line is missing");
    },

    /**
     * Reads the last bytes of this version of the state into a buffer, after {@link headRoom}. Throws
     * {@link UploadChangedError} if the stored state has another version.
     */
    async loadTail(
      upload: UploadReference,
      { version, tailBytes }: UploadState,
      buffer: Buffer,
    ): Promise<void> {
      const found = await open(upload);
      if (found === undefined) throw new UploadChangedError(upload);
      let filled = 0;
      for await (const { state, rest } of lines(found)) {
        if (state.version !== version) throw new UploadChangedError(upload);
        buffer.set(rest, headRoom + filled);
        filled += rest.length;
      }
      if (filled !== tailBytes) throw new UploadChangedError(upload);
    },

    /**
     * Writes the state and its last bytes, which are in `buffer` after {@link headRoom}. Resolves with the state and its new
     * version.
     */
    async save(
      upload: UploadReference,
      state: Omit<UploadState, "version">,
      buffer?: Buffer,
    ): Promise<UploadState> {
      const version = newVersion();
      const saved = { ...state, version };
      const line = Buffer.from(`${JSON.stringify(saved)}\n`);
      let bytes: Buffer = line;
      if (buffer !== undefined && line.length <= headRoom) {
        line.copy(buffer, headRoom - line.length);
        bytes = buffer.subarray(headRoom - line.length, headRoom + state.tailBytes);
      } else if (buffer !== undefined) {
        bytes = Buffer.concat([line, buffer.subarray(headRoom, headRoom + state.tailBytes)]);
      }
      await objects.put(stateName(upload), bytes, {
        ...encryption(sse),
        Metadata: { size: String(sizeOf(saved)), version },
      });
      return saved;
    },

    forget: (upload: UploadReference): Promise<void> => objects.delete(stateName(upload)),
  };
}
