import type { BlobKey, ByteSource, UploadReference } from "../blob-store.ts";
import { UploadTooLargeError } from "./failure.ts";
import type { Multipart, Multiparts, Part } from "./multipart.ts";
import type { PartBuffer, PartBuffers } from "./part-buffers.ts";
import { mostParts } from "./settings.ts";
import { headRoom, type States, type UploadState } from "./state.ts";

/** A long append saves its state at this interval. A crash loses at most the bytes since the last save. */
const saveEveryMs = 10_000;

export interface AppendParts {
  readonly states: States;
  readonly multiparts: Multiparts;
  readonly buffers: PartBuffers;
  /** The parts that are sent concurrently. */
  readonly concurrency: number;
}

export interface Append {
  readonly upload: UploadReference;
  /** The key for a new multipart upload. */
  readonly key: () => BlobKey;
  /** The state to continue from. */
  readonly from: UploadState;
  /** Reads the last bytes of a state into the buffer of a part. */
  readonly loadTail: (state: UploadState, buffer: Buffer) => Promise<void>;
  /** Called with every saved state; its bytes are borrowed. */
  readonly onSaved: (state: UploadState, tail: Uint8Array) => void;
}

/**
 * Sends a source as parts, several concurrently, while the source still produces bytes. The bytes after the last full
 * part go into the upload's state. Resolves when S3 has all bytes and the saved state names them. If the source throws,
 * the bytes before the error are saved. If S3 fails, the parts before the first failed part are saved.
 */
export async function appendTo(
  { states, multiparts, buffers, concurrency }: AppendParts,
  { upload, key, from, loadTail, onSaved }: Append,
  source: ByteSource,
): Promise<UploadState> {
  const { partSize } = from;
  const done: (Part | undefined)[] = [...from.parts];
  const onTheirWay = new Set<Promise<void>>();
  let state = from;
  let multipart = from.multipart;
  let beginning: Promise<Multipart> | undefined;
  let failure: { readonly error: unknown } | undefined;
  /** The part that is being filled; `undefined` while its first `filled` bytes are only in the store. */
  let buffer: PartBuffer | undefined;
  let filled = from.tailBytes;
  let wanted = false;
  let wake: (() => void) | undefined;
  let savedAtMs = performance.now();

  const save = async (
    parts: readonly Part[],
    tailBytes: number,
    bytes: Buffer | undefined,
  ): Promise<void> => {
    const { sealedBytes } = state;
    state = await states.save(
      upload,
      { partSize, multipart, parts, tailBytes, sealedBytes },
      bytes,
    );
    savedAtMs = performance.now();
    onSaved(state, bytes?.subarray(headRoom, headRoom + tailBytes) ?? new Uint8Array());
  };

  /**
   * Saves the multipart id before the first part is sent: a process that finds the state can abort the multipart
   * upload.
   */
  const begin = async (bytes: Buffer): Promise<Multipart> => {
    multipart = await multiparts.create(key());
    await save(state.parts, state.tailBytes, bytes);
    return multipart;
  };

  const deliver = async (full: PartBuffer, number: number): Promise<void> => {
    try {
      beginning ??=
        from.multipart === undefined ? begin(full.bytes) : Promise.resolve(from.multipart);
      const bytes = full.bytes.subarray(headRoom, headRoom + partSize);
      done[number - 1] = await multiparts.uploadPart(await beginning, number, bytes);
    } catch (error) {
      failure ??= { error };
    } finally {
      full.release();
    }
  };

  const send = (full: PartBuffer): void => {
    full.sending();
    done.push(undefined);
    const sending = deliver(full, done.length).finally(() => onTheirWay.delete(sending));
    onTheirWay.add(sending);
  };

  /** A copy of the parts from the first one up to the first part that has not arrived: a saved state must not change. */
  const arrived = (): readonly Part[] => {
    const end = done.indexOf(undefined);
    return done.slice(0, end < 0 ? done.length : end) as readonly Part[];
  };

  const openBuffer = async (): Promise<PartBuffer> => {
    while (onTheirWay.size >= concurrency) await Promise.race(onTheirWay);
    wanted = false;
    const opened = await buffers.acquire(partSize, () => {
      wanted = true;
      wake?.();
    });
    try {
      if (filled > 0) await loadTail(state, opened.grow(filled));
    } catch (error) {
      opened.release();
      throw error;
    }
    return opened;
  };

  const take = async (chunk: Uint8Array): Promise<void> => {
    let rest = chunk;
    while (rest.length > 0) {
      if (done.length >= mostParts) throw new UploadTooLargeError(mostParts * partSize);
      buffer ??= await openBuffer();
      const fits = Math.min(rest.length, partSize - filled);
      buffer.grow(filled + fits).set(rest.subarray(0, fits), headRoom + filled);
      filled += fits;
      rest = rest.subarray(fits);
      if (filled < partSize) continue;
      send(buffer);
      buffer = undefined;
      filled = 0;
      if (performance.now() - savedAtMs < saveEveryMs) continue;
      const parts = arrived();
      if (parts.length > state.parts.length) await save(parts, 0, undefined);
    }
  };

  /** Another upload waits for memory: save the bytes in the store until more arrive. */
  const putAside = async (): Promise<void> => {
    wanted = false;
    if (buffer === undefined) return;
    await Promise.all(onTheirWay);
    if (failure !== undefined) return;
    await save(arrived(), filled, buffer.bytes);
    buffer.release();
    buffer = undefined;
  };

  const settle = async (): Promise<void> => {
    await Promise.all(onTheirWay);
    const parts = arrived();
    if (failure !== undefined) {
      if (parts.length > state.parts.length) await save(parts, 0, undefined).catch(() => undefined);
      throw failure.error;
    }
    // Without a buffer, the store already has all bytes after the parts.
    if (buffer !== undefined || parts.length > state.parts.length)
      await save(parts, filled, buffer?.bytes);
  };

  const iterator = source[Symbol.asyncIterator]();
  try {
    try {
      let pending: Promise<IteratorResult<Uint8Array>> | undefined;
      while (failure === undefined) {
        pending ??= iterator.next();
        const step = wanted ? undefined : await either(pending, (call) => (wake = call));
        if (step === undefined) {
          await putAside();
          continue;
        }
        pending = undefined;
        if (step.done) break;
        await take(step.value);
      }
    } catch (error) {
      await settle();
      throw error;
    }
    await settle();
    return state;
  } finally {
    // No-op for a source that has ended.
    await iterator.return?.()?.catch(() => undefined);
    buffer?.release();
  }
}

/**
 * Resolves with the pending value, or with `undefined` if `onCall`'s callback is called first. Each call creates a new
 * promise, so that callbacks do not accumulate on one promise.
 */
function either<T>(
  pending: Promise<T>,
  onCall: (call: (() => void) | undefined) => void,
): Promise<T | undefined> {
  return new Promise<T | undefined>((resolve, reject) => {
    onCall(() => resolve(undefined));
    pending.then(resolve, reject);
  }).finally(() => onCall(undefined));
}
