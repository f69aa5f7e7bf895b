import { setTimeout as pause } from "node:timers/promises";
import { digestOf, type DigestAlgorithm } from "../../src/oci/digest.ts";
import { wholeInMemoryBytes } from "../../src/registry/uploads/memory-budget.ts";
import { contentOf } from "./content.ts";
import type { Content, Ledger, OpenUpload } from "./ledger.ts";
import { ServerGone, type Wire } from "./wire.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
export const octets = { "Content-Type": "application/octet-stream" };

export interface Pusher {
  readonly wire: Wire;
  readonly repository: string;
  /** Unique to this pusher: names the tags and seeds the contents. */
  readonly name: string;
  readonly ledger: Ledger;
  /** Layer sizes in bytes; default: 90 bytes to 5 MiB. */
  readonly layerSizes?: readonly [number, ...number[]] | undefined;
}

/** Opens an upload, appends 96 KiB at a time and never closes it. */
export async function keepOpen(
  pusher: Pusher,
  algorithm: DigestAlgorithm,
  announced: boolean,
): Promise<void> {
  const content = { seed: `${pusher.name}-open`, sizeBytes: 6 * MiB };
  await untilGone(async () => {
    const upload = await begin(pusher, content, algorithm, announced);
    const bytes = contentOf(content.seed, content.sizeBytes);
    while (upload.acknowledgedBytes < bytes.length) {
      await append(pusher, upload, bytes, 96 * KiB);
      await pause(5);
    }
  });
}

/**
 * Continues an upload at the offset that the server reports, and closes it. `flushed`: the bytes that a 202 has
 * acknowledged must still exist, which is true unless the machine itself fails.
 */
export async function resume(pusher: Pusher, upload: OpenUpload, flushed = true): Promise<void> {
  const { wire, ledger, repository } = pusher;
  const bytes = contentOf(upload.seed, upload.sizeBytes);
  const digest = digestOf(bytes, upload.algorithm);
  const blob = `/v2/${repository}/blobs/${digest}`;
  const { status, headers } = await wire.send("GET", upload.location);
  const isHere = async (): Promise<boolean> => (await wire.send("HEAD", blob)).status === 200;
  const mayEnd = upload.acknowledgedBytes <= wholeInMemoryBytes;
  if (status === 404 && mayEnd && !(upload.closing && (await isHere()))) {
    // A session whose bytes are only in memory may end with the process. Its client opens a new one.
    ledger.uploads.delete(upload);
    await resume(pusher, await begin(pusher, upload, upload.algorithm, false), flushed);
    return;
  }
  if (status === 404 && upload.closing) {
    // The server performed the PUT; only the answer was lost.
    await wire.expect(200, "HEAD", blob);
  } else {
    if (status !== 204) throw new Error(`GET of an open upload: ${status}`);
    const offset = offsetOf(headers.range);
    if (flushed && offset < upload.acknowledgedBytes && !(upload.closing && offset === 0))
      throw new Error(`${upload.acknowledgedBytes} bytes acknowledged, ${offset} are left`);
    upload.location = headers.location ?? upload.location;
    upload.acknowledgedBytes = offset;
    while (upload.acknowledgedBytes < bytes.length) await append(pusher, upload, bytes, MiB);
    await wire.expect(201, "PUT", withDigest(upload.location, digest));
  }
  ledger.uploads.delete(upload);
  ledger.blobs.push({ repository, digest, sizeBytes: bytes.length });
}

/** Opens a session; `announced`: the client names the digest algorithm in the first request. */
export async function begin(
  { wire, repository, ledger }: Pusher,
  content: Content,
  algorithm: DigestAlgorithm,
  announced: boolean,
): Promise<OpenUpload> {
  const hint = announced ? `?digest-algorithm=${algorithm}` : "";
  const { headers } = await wire.expect(202, "POST", `/v2/${repository}/blobs/uploads/${hint}`);
  const upload: OpenUpload = {
    ...content,
    repository,
    algorithm,
    location: headers.location ?? "",
    acknowledgedBytes: 0,
    closing: false,
  };
  ledger.uploads.add(upload);
  return upload;
}

/** Appends the next bytes of the content. */
export async function append(
  { wire }: Pusher,
  upload: OpenUpload,
  bytes: Buffer,
  stepBytes: number,
  chunked = false,
): Promise<void> {
  const start = upload.acknowledgedBytes;
  const body = bytes.subarray(start, start + stepBytes);
  const range = chunked ? {} : { "Content-Range": `${start}-${start + body.length - 1}` };
  const headers = { ...octets, ...range };
  const answer = await wire.expect(202, "PATCH", upload.location, { body, headers, chunked });
  upload.location = answer.headers.location ?? upload.location;
  upload.acknowledgedBytes = start + body.length;
}

/** Runs `work` until the server has ended. Throws every other error. */
export async function untilGone(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ServerGone)) throw error;
  }
}

export const withDigest = (location: string, digest: string): string =>
  `${location}${location.includes("?") ? "&" : "?"}digest=${digest}`;

/** The offset after a Range header. An upload without bytes has `0-0`. */
function offsetOf(range: string | undefined): number {
  const end = Number(/^0-(\d+)$/.exec(range ?? "")?.[1]);
  if (Number.isNaN(end)) throw new Error(`Range: ${range}`);
  return end === 0 ? 0 : end + 1;
}
