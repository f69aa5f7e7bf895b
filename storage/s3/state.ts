import type { UploadReference } from "../blob-store.ts";
import { S3Failure, UploadChangedError } from "./failure.ts";
import { newVersion, stateName } from "./keys.ts";
import type { Multipart, Part } from "./multipart.ts";
import { encryption, type Objects, type OpenObject } from "./objects.ts";
import { readBody } from "./read.ts";

/*
 * What an open upload is: one object, `uploads/<reference>`, that any process finds from the upload's row. S3 shows a
 * single key consistently, so it is the truth of how far the upload has come; parts it does not name do not count.
 *
 *   {"version":"01J9…","partSize":8388608,"multipart":{…},"parts":[{"etag":…},…]}\n<bytes that fill no part yet>
 *
 * Both are written at once, so that an upload of few bytes costs one request. Size and version stand in the object's
 * metadata too, for a HEAD.
 */

export interface UploadState {
  /** Changes with every writing; `undefined` before the first. */
  readonly version: string | undefined;
  /** Of all parts; fixed when the upload begins, whatever the configuration says later. */
  readonly partSize: number;
  readonly multipart: Multipart | undefined;
  readonly parts: readonly Part[];
  /** Bytes behind the last part. */
  readonly tailBytes: number;
  /** Set once the parts have been made one object, under the key of `multipart`: nothing is appended any more. */
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

/** Room for the first line in front of a tail, so that both go out as one buffer without being copied. */
export const headRoom = 64 * 1024;

export type States = ReturnType<typeof createStates>;

export function createStates(objects: Objects, sse: string | undefined, idleMs: number) {
  const open = (upload: UploadReference) => objects.get(stateName(upload));

  /** The state with what follows its line, piece by piece. */
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
      // What JSON leaves out is `undefined`.
      state = { ...nothingYet(0), ...(JSON.parse(head.toString("utf8", 0, end)) as UploadState) };
      yield { state, rest: head.subarray(end + 1) };
    }
  }

  return {
    /** Size and version, by a HEAD; `undefined` for an upload that holds nothing yet, or nothing any more. */
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
      // Leaving the loop at the end of the line leaves the tail where it is.
      for await (const { state } of lines(found)) return state;
      throw new S3Failure(`GET ${stateName(upload)}`, "NoState", "its first line is missing");
    },

    /** Reads the tail of this very state into a buffer, behind {@link headRoom}. */
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
     * Writes the state with its tail, which lies in `buffer` behind {@link headRoom}. Resolves with the state as it is
     * known from now on.
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
