import { algorithmOf, createDigester, type Digest } from "../../oci/digest.ts";
import { UpstreamFailure } from "../upstream/failure.ts";
import type { PartialBlob, RecentBytes } from "./partial-blob.ts";

/** More than 16 waiting readers are woken after 512 KB or 40 ms, which saves wake-ups with hundreds of readers. */
const [fewReaders, worthWakingBytes, longestWaitMs] = [16, 512 * 1024, 40];

interface ReceivedBlobParts {
  readonly upload: string;
  readonly digest: Digest;
  /** Size from a manifest; another size from the source is an error. */
  readonly expectedBytes: number | undefined;
  /** Size limit of a blob that no manifest names. */
  readonly unnamedBytesAtMost: number;
  readonly recentBytes: RecentBytes;
}

/**
 * The partial blob of a download in this process: checks the size and the digest of the bytes that the download takes
 * from a source, and wakes the readers that wait for them.
 */
export class ReceivedBlob implements PartialBlob {
  readonly upload: string;
  readonly recentBytes: RecentBytes;
  /** Resolves when the size is known; rejects if the download fails before. */
  readonly sized: Promise<number>;
  readonly #parts: ReceivedBlobParts;
  readonly #hash: ReturnType<typeof createDigester>;
  readonly #waiting = new Set<() => void>();
  #announceSize: (size: number) => void = () => undefined;
  #giveUpSize: (error: unknown) => void = () => undefined;
  #receivedBytes = 0;
  #sizeBytes: number | undefined;
  #isVerified = false;
  #storageKey: string | undefined;
  #failure: unknown;
  #wokenAtBytes = 0;
  #waking: NodeJS.Timeout | undefined;

  constructor(parts: ReceivedBlobParts) {
    this.#parts = parts;
    this.upload = parts.upload;
    this.recentBytes = parts.recentBytes;
    this.#hash = createDigester(algorithmOf(parts.digest));
    this.sized = new Promise<number>((resolve, reject) => {
      this.#announceSize = resolve;
      this.#giveUpSize = reject;
    });
    // Readers receive the failure from `until`.
    this.sized.catch(() => undefined);
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** The size from the source, or from a manifest. */
  get knownBytes(): number | undefined {
    return this.#sizeBytes ?? this.#parts.expectedBytes;
  }

  get isVerified(): boolean {
    return this.#isVerified;
  }

  get failure(): unknown {
    return this.#failure;
  }

  get storageKey(): string | undefined {
    return this.#storageKey;
  }

  get availableBytes(): number {
    if (this.#isVerified) return this.#receivedBytes;
    return Math.max(0, Math.min(this.#receivedBytes, (this.#sizeBytes ?? Infinity) - 1));
  }

  async until(at: number): Promise<void> {
    while (this.availableBytes <= at && this.#storageKey === undefined) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
    // A verified blob that could not be stored has no bytes left.
    if (this.#failure !== undefined && this.#storageKey === undefined) throw this.#failure;
  }

  /** Checks the size that a source declares. Throws {@link UpstreamFailure} (`badResponse`). */
  learnSize(declared: number | undefined): void {
    const known = this.knownBytes;
    const size = declared ?? known;
    if (size === undefined) return;
    if (known !== undefined && known !== size)
      throw new UpstreamFailure(
        "badResponse",
        `the upstream's blob has ${size} bytes, not ${known}`,
      );
    if (known === undefined && size > this.#parts.unnamedBytesAtMost) throw this.#tooLarge();
    this.#sizeBytes = size;
    this.#announceSize(size);
  }

  /** Adds the next bytes, and returns them for the store. Throws {@link UpstreamFailure} (`badResponse`). */
  take(chunk: Uint8Array): Uint8Array {
    const end = this.#receivedBytes + chunk.length;
    if (end > (this.knownBytes ?? Infinity))
      throw new UpstreamFailure("badResponse", "the upstream sends more bytes than the blob has");
    if (this.#sizeBytes === undefined && end > this.#parts.unnamedBytesAtMost)
      throw this.#tooLarge();
    this.#hash.update(chunk);
    this.recentBytes.push(chunk);
    this.#receivedBytes = end;
    this.#bytesArrived();
    return chunk;
  }

  /**
   * Checks the size and the digest after the last byte. Readers may then read the last byte, even before the blob is on
   * the disk. Throws {@link UpstreamFailure}.
   */
  verify(): void {
    if (this.#sizeBytes === undefined) this.learnSize(this.#receivedBytes);
    if (this.#receivedBytes < (this.#sizeBytes ?? 0))
      throw new UpstreamFailure("connectionFailed", "the upstream ended the blob too early");
    const { digest } = this.#parts;
    const found = this.#hash.digest();
    if (found !== digest)
      throw new UpstreamFailure("badResponse", `the upstream's bytes are ${found}, not ${digest}`);
    this.#isVerified = true;
    this.#wakeReaders();
  }

  /** The blob is durable: readers may read it from the store. */
  stored(storageKey: string): void {
    this.#storageKey = storageKey;
    this.#wakeReaders();
  }

  /** Fails the readers with the error, or with that of the first call. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#giveUpSize(error);
    this.#wakeReaders();
  }

  #bytesArrived(): void {
    const newBytes = this.#receivedBytes - this.#wokenAtBytes;
    if (
      this.#waiting.size <= fewReaders ||
      this.#wokenAtBytes === 0 ||
      newBytes >= worthWakingBytes
    )
      this.#wakeReaders();
    else this.#waking ??= setTimeout(() => this.#wakeReaders(), longestWaitMs);
  }

  #wakeReaders(): void {
    clearTimeout(this.#waking);
    this.#waking = undefined;
    this.#wokenAtBytes = this.#receivedBytes;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #tooLarge(): UpstreamFailure {
    const limit = this.#parts.unnamedBytesAtMost;
    const message = `no stored manifest names the blob, and it is larger than ${limit} bytes, the limit for such blobs`;
    return new UpstreamFailure("badResponse", message);
  }
}
