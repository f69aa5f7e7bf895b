import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { isIP } from "node:net";
import type { Context } from "koa";
import type { Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { OCTET_STREAM } from "../../oci/media-types.ts";
import { parseRange, type ByteRange } from "../../oci/range.ts";
import { ipMatcher } from "../../network/addresses.ts";
import type { ClientInfo } from "../middleware/client-info.ts";
import { sendNothing } from "./responses.ts";

/** A blob of a hosted repository or of a mirror. */
export interface BlobContent {
  readonly digest: Digest;
  readonly sizeBytes: number;
  open(range: ByteRange): Promise<AsyncIterable<Uint8Array>>;
  /** A signed URL of the store for this blob; `undefined` if the store has none. */
  signedUrl?(): Promise<string | undefined>;
}

/**
 * Sends the blob, or the ranges that the request asks for, or redirects the client to the store. Throws RANGE_INVALID
 * if the blob has no byte of the ranges.
 */
export async function sendBlob(
  ctx: Context,
  blob: BlobContent,
  mayRedirect: MayRedirect,
): Promise<void> {
  const range = parseRange(rangeHeader(ctx, blob), blob.sizeBytes);
  switch (range.kind) {
    case "unsatisfiable":
      throw new OciError("RANGE_INVALID", `the blob has ${blob.sizeBytes} bytes`, {
        headers: { "Content-Range": `bytes */${blob.sizeBytes}` },
      });
    case "full": {
      if (await redirect(ctx, blob, mayRedirect)) return;
      const all = { start: 0, end: blob.sizeBytes - 1 };
      return await sendRanges(ctx, blob, { status: 200, type: OCTET_STREAM, ranges: [all] });
    }
    case "single":
      if (await redirect(ctx, blob, mayRedirect)) return;
      ctx.set("Content-Range", contentRange(range, blob));
      return await sendRanges(ctx, blob, { status: 206, type: OCTET_STREAM, ranges: [range] });
    case "multi":
      return await sendRanges(ctx, blob, multipart(range.ranges, blob));
  }
}

/** The Range header; `undefined` if If-Range names another content. */
function rangeHeader(ctx: Context, { digest }: BlobContent): string | undefined {
  const ifRange = ctx.get("If-Range");
  if (ifRange !== "" && ifRange !== `"${digest}"`) return undefined;
  return ctx.get("Range") || undefined;
}

/**
 * Redirects the client to a signed URL of the store, which evaluates the Range header itself. The permission is
 * already checked. The URL works for every client that has it, so caches must not store the redirect.
 */
async function redirect(
  ctx: Context,
  blob: BlobContent,
  mayRedirect: MayRedirect,
): Promise<boolean> {
  // If-Range contains the ETag of the registry, which the store does not know.
  const ours = blob.sizeBytes === 0 || ctx.get("If-Range") !== "";
  if (ctx.method !== "GET" || ours || !mayRedirect(ctx)) return false;
  const url = await blob.signedUrl?.();
  if (url === undefined) return false;
  ctx.set({ Location: url, "Cache-Control": "no-store" });
  ctx.remove("ETag");
  sendNothing(ctx, 307);
  return true;
}

interface RangesResponse {
  readonly status: number;
  readonly type: string;
  readonly ranges: readonly ByteRange[];
  /** The header in front of each range, and the end of the body; `undefined` for a single range. */
  readonly frame?: { readonly heads: readonly string[]; readonly end: string };
}

/** Several ranges, each with its own header (RFC 9110, 14.6). */
function multipart(ranges: readonly ByteRange[], blob: BlobContent): RangesResponse {
  const boundary = randomBytes(18).toString("base64url");
  const heads = ranges.map(
    (range) =>
      `\r\n--${boundary}\r\nContent-Type: ${OCTET_STREAM}\r\nContent-Range: ${contentRange(range, blob)}\r\n\r\n`,
  );
  return {
    status: 206,
    type: `multipart/byteranges; boundary=${boundary}`,
    ranges,
    frame: { heads, end: `\r\n--${boundary}--\r\n` },
  };
}

async function sendRanges(
  ctx: Context,
  blob: BlobContent,
  { status, type, ranges, frame }: RangesResponse,
): Promise<void> {
  const framing = frame === undefined ? 0 : frame.heads.join("").length + frame.end.length;
  const length = ranges.reduce((sum, { start, end }) => sum + end - start + 1, framing);
  const { res } = ctx;
  if (ctx.method === "HEAD" || length === 0) {
    ctx.set({ "Content-Type": type, "Content-Length": String(length) });
    ctx.status = status;
    ctx.respond = false;
    res.end();
    return;
  }
  // Open the blob before sending the status: a blob whose bytes are lost gives a 404, not a truncated 200.
  let bytes = await blob.open(ranges[0] ?? { start: 0, end: -1 });
  ctx.respond = false;
  ctx.status = status;
  ctx.set({ "Content-Type": type, "Content-Length": String(length) });
  for (const [index, range] of ranges.entries()) {
    if (index > 0) bytes = await blob.open(range);
    if (frame !== undefined) res.write(frame.heads[index]);
    await writeBytes(res, bytes);
  }
  res.end(frame?.end);
}

/**
 * Writes borrowed buffers to a response, one chunk at a time. It requests the next chunk after the kernel has accepted
 * the last one: then the source may reuse the buffer, and a slow reader costs a socket but no memory.
 * Rejects if the source fails or the client disconnects; the caller then destroys the connection.
 */
async function writeBytes(
  response: ServerResponse,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  let fail: ((error: Error) => void) | undefined;
  const onClose = (): void => fail?.(clientGone());
  response.once("close", onClose);
  try {
    for await (const chunk of bytes) {
      if (response.destroyed) throw clientGone();
      await new Promise<void>((resolve, reject) => {
        fail = reject;
        response.write(chunk, (error) => (error ? reject(error) : resolve()));
      });
    }
  } finally {
    response.off("close", onClose);
  }
}

const clientGone = (): Error =>
  Object.assign(new Error("the client disconnected"), { code: "ECONNRESET" });

const contentRange = (range: ByteRange, blob: BlobContent): string =>
  `bytes ${range.start}-${range.end}/${blob.sizeBytes}`;

/** Whether a blob request of this client may be redirected to a signed URL of the store. */
export type MayRedirect = (ctx: Context) => boolean;

/**
 * Allows all clients except those whose address is in a network of `except`, or whose User-Agent begins with a text of
 * `except` (case-insensitive). Behind a trusted proxy, the proxy's X-Forwarded-For gives the address.
 */
export function createRedirectRule(parts: {
  readonly except: readonly string[];
  readonly clientInfo: ClientInfo;
}): MayRedirect {
  const networks = parts.except.filter((entry) => isIP(entry.split("/")[0] ?? "") !== 0);
  const agents = parts.except
    .filter((entry) => !networks.includes(entry))
    .map((entry) => entry.toLowerCase());
  const isExcepted = ipMatcher(networks);
  return (ctx) => {
    const agent = ctx.get("User-Agent").toLowerCase();
    if (agents.some((entry) => agent.startsWith(entry))) return false;
    return networks.length === 0 || !isExcepted(parts.clientInfo.peerOf(ctx.req));
  };
}
