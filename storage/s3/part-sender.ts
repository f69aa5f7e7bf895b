import type { Bucket } from "./bucket.ts";
import { uploadPart, type Multipart, type Part } from "./multipart.ts";
import type { PartBuffer } from "./part-buffers.ts";
import { lineSpaceBytes } from "./state.ts";

/** Sends the parts of one multipart upload, several concurrently, and knows which of them S3 has. */
export class PartSender {
  readonly #bucket: Bucket;
  readonly #partSize: number;
  readonly #multipartFor: (bytes: Buffer) => Promise<Multipart>;
  /** The parts by number; `undefined` while a part is being sent. */
  readonly #parts: (Part | undefined)[];
  readonly #sending = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  /**
   * @param sent the parts that S3 has already
   * @param multipartFor resolves with the multipart upload before the part with these bytes is sent
   */
  constructor(
    bucket: Bucket,
    partSize: number,
    sent: readonly Part[],
    multipartFor: (bytes: Buffer) => Promise<Multipart>,
  ) {
    this.#bucket = bucket;
    this.#partSize = partSize;
    this.#parts = [...sent];
    this.#multipartFor = multipartFor;
  }

  /** The number of all parts, also of those that are being sent. */
  get partCount(): number {
    return this.#parts.length;
  }

  /** The error of the first part that failed. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Sends a full part as the next one. Releases its buffer when S3 has the part. */
  send(full: PartBuffer): void {
    full.sending();
    this.#parts.push(undefined);
    const sending = this.#upload(full, this.#parts.length).finally(() =>
      this.#sending.delete(sending),
    );
    this.#sending.add(sending);
  }

  /** Resolves when another part may be sent. */
  async waitForSlot(): Promise<void> {
    while (this.#sending.size >= this.#bucket.settings.concurrency)
      await Promise.race(this.#sending);
  }

  /** Resolves when no part is being sent any more. */
  async waitForAll(): Promise<void> {
    await Promise.all(this.#sending);
  }

  /** A copy of the parts from the first one up to the first part that S3 does not have. */
  sentParts(): readonly Part[] {
    const end = this.#parts.indexOf(undefined);
    return this.#parts.slice(0, end < 0 ? this.#parts.length : end) as readonly Part[];
  }

  async #upload(full: PartBuffer, number: number): Promise<void> {
    try {
      const multipart = await this.#multipartFor(full.bytes);
      const bytes = full.bytes.subarray(lineSpaceBytes, lineSpaceBytes + this.#partSize);
      this.#parts[number - 1] = await uploadPart(this.#bucket, multipart, number, bytes);
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      full.release();
    }
  }
}
