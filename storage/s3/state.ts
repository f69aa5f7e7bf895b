import type { UploadReference } from "../blob-store.ts";
import { newVersion } from "../keys.ts";
import { stateName, type Bucket } from "./bucket.ts";
import type { Multipart, Part } from "./multipart.ts";
import { deleteObject, getObject, headObject, putObject, type OpenObject } from "./objects.ts";
import { readBody } from "./reads.ts";
import { S3Failure } from "./requests.ts";

/*
 * The state of an open upload is one object, `uploads/<reference>`, which any process finds from the upload's row. S3
 * reads of one key are consistent, so this object alone defines the progress of the upload: parts that it does not name
 * are ignored.
 *
 *   {"partSize":8388608,"multipart":{…},"parts":[{"etag":…},…],"tailBytes":…,"version":"01J9…"}\n<the remainder>
 *
 * The remainder is the bytes after the last full part. One write stores both, so that a small upload costs one request.
 * The object's metadata repeats size and version, for a HEAD.
 */

export interface UploadState {
  /** Changes with every write; `undefined` before the first. */
  readonly version: string | undefined;
  /** The size of every part. It is fixed when the upload begins, even if the configuration changes later. */
  readonly partSize: number;
  readonly multipart: Multipart | undefined;
  readonly parts: readonly Part[];
  readonly remainderBytes: number;
  /** The size of the assembled object under the key of `multipart`. If it is set, no more bytes can be appended. */
  readonly assembledBytes: number | undefined;
}

/** The JSON line. JSON omits `undefined` fields. */
interface StoredState {
  readonly version: string;
  readonly partSize: number;
  readonly multipart?: Multipart | undefined;
  readonly parts: readonly Part[];
  readonly tailBytes: number;
  readonly sealedBytes?: number | undefined;
}

export const sizeOf = ({ parts, partSize, remainderBytes, assembledBytes }: UploadState): number =>
  assembledBytes ?? parts.length * partSize + remainderBytes;

export const emptyState = (partSize: number): UploadState => ({
  version: undefined,
  partSize,
  multipart: undefined,
  parts: [],
  remainderBytes: 0,
  assembledBytes: undefined,
});

/** Space for the JSON line before the remainder, so that one buffer is sent without a copy. */
export const lineSpaceBytes = 64 * 1024;

/** Another process has changed the upload since this process cached its state. */
export class UploadChangedError extends Error {
  override readonly name = "UploadChangedError";
  readonly code = "S3_UPLOAD_CHANGED";

  constructor(upload: string) {
    super(`another process has changed upload ${upload}: the client must start a new upload`);
  }
}

/** Size and version, by a HEAD; `undefined` for an upload that has no bytes yet or is gone. */
export async function headState(
  bucket: Bucket,
  upload: UploadReference,
): Promise<{ readonly sizeBytes: number; readonly version: string } | undefined> {
  const name = stateName(upload);
  const found = await headObject(bucket, name);
  if (found === undefined) return undefined;
  const { size, version } = found.metadata;
  if (size === undefined || version === undefined)
    throw new S3Failure(`HEAD ${name}`, "NoMetadata", "the object lacks size and version");
  return { sizeBytes: Number(size), version };
}

/** The state without its remainder; `undefined` as in {@link headState}. */
export async function loadState(
  bucket: Bucket,
  upload: UploadReference,
): Promise<UploadState | undefined> {
  const name = stateName(upload);
  const found = await getObject(bucket, name);
  if (found === undefined) return undefined;
  // Leave the loop after the JSON line, so that the remainder is not read.
  for await (const { state } of readState(found, bucket)) return state;
  throw new S3Failure(`GET ${name}`, "NoState", "the object lacks the line with the state");
}

/**
 * Reads the remainder of this version of the state into a buffer, after {@link lineSpaceBytes}. Throws
 * {@link UploadChangedError} if the stored state has another version.
 */
export async function loadRemainder(
  bucket: Bucket,
  upload: UploadReference,
  { version, remainderBytes }: UploadState,
  buffer: Buffer,
): Promise<void> {
  const found = await getObject(bucket, stateName(upload));
  if (found === undefined) throw new UploadChangedError(upload);
  let filledBytes = 0;
  for await (const { state, rest } of readState(found, bucket)) {
    if (state.version !== version) throw new UploadChangedError(upload);
    buffer.set(rest, lineSpaceBytes + filledBytes);
    filledBytes += rest.length;
  }
  if (filledBytes !== remainderBytes) throw new UploadChangedError(upload);
}

/**
 * Writes the state and its remainder, which is in `buffer` after {@link lineSpaceBytes}. Resolves with the state and its
 * new version.
 */
export async function saveState(
  bucket: Bucket,
  upload: UploadReference,
  state: Omit<UploadState, "version">,
  buffer?: Buffer,
): Promise<UploadState> {
  const version = newVersion();
  const saved = { ...state, version };
  const line = Buffer.from(`${JSON.stringify(toStored(saved))}\n`);
  let bytes: Buffer = line;
  if (buffer !== undefined && line.length <= lineSpaceBytes) {
    line.copy(buffer, lineSpaceBytes - line.length);
    bytes = buffer.subarray(lineSpaceBytes - line.length, lineSpaceBytes + state.remainderBytes);
  } else if (buffer !== undefined) {
    const remainder = buffer.subarray(lineSpaceBytes, lineSpaceBytes + state.remainderBytes);
    bytes = Buffer.concat([line, remainder]);
  }
  await putObject(bucket, stateName(upload), bytes, {
    Metadata: { size: String(sizeOf(saved)), version },
  });
  return saved;
}

export const deleteState = (bucket: Bucket, upload: UploadReference): Promise<void> =>
  deleteObject(bucket, stateName(upload));

/** The state with each piece of the remainder. */
async function* readState(
  found: OpenObject,
  { retryPolicy: { idleMs } }: Bucket,
): AsyncGenerator<{ readonly state: UploadState; readonly rest: Uint8Array }> {
  let line = Buffer.alloc(0);
  let state: UploadState | undefined;
  for await (const piece of readBody(found, "GET of a state", found.sizeBytes, idleMs)) {
    if (state !== undefined) {
      yield { state, rest: piece };
      continue;
    }
    line = Buffer.concat([line, piece]);
    const end = line.indexOf(0x0a);
    if (end < 0) continue;
    state = fromStored(JSON.parse(line.toString("utf8", 0, end)) as StoredState);
    yield { state, rest: line.subarray(end + 1) };
  }
}

function toStored({
  remainderBytes,
  assembledBytes,
  ...same
}: UploadState & { readonly version: string }): StoredState {
  return { ...same, tailBytes: remainderBytes, sealedBytes: assembledBytes };
}

function fromStored({ tailBytes, sealedBytes, ...same }: StoredState): UploadState {
  return {
    multipart: undefined,
    ...same,
    remainderBytes: tailBytes,
    assembledBytes: sealedBytes,
  };
}
