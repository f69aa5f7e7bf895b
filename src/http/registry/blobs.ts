import { randomBytes } from "node:crypto";
import type { Context } from "koa";
import type { Policy } from "../../auth/policy.ts";
import { matchesIfNoneMatch } from "../../oci/conditional.ts";
import { parseDigest, type Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { OCTET_STREAM } from "../../oci/media-types.ts";
import { parseRange, type ByteRange } from "../../oci/range.ts";
import type { Blobs } from "../../registry/blobs.ts";
import type { Mirrored } from "../../mirror/mirrors.ts";
import type { AdmitMiss } from "../../mirror/repository.ts";
import { pushedContentHeaders } from "../middleware/csrf.ts";
import { cacheHeaders } from "./cache-status.ts";
import { actorOf, grantOf } from "../middleware/principal.ts";
import { whenClosed } from "../middleware/early-end.ts";
import type { Route, ResolvedRepository } from "../route.ts";
import { sendNothing, writeBytes } from "./send.ts";
import type { MayRedirect } from "./redirect.ts";

/** A blob of a hosted repository or of a mirror. */
interface Blob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  open(range: ByteRange): Promise<AsyncIterable<Uint8Array>>;
  /** A signed URL of the store for this blob; `undefined` if the store has none. */
  signedUrl?(): Promise<string | undefined>;
}

/** A HEAD by a pusher extends the blob's lease, so that the collector keeps the blob until the manifest arrives. */
const push = { kind: "repository", actions: ["push"] } as const;

export function blobRoutes({
  blobs,
  policy,
  mayRedirect,
}: {
  readonly blobs: Blobs;
  readonly policy: Policy;
  readonly mayRedirect: MayRedirect;
}): readonly Route[] {
  const getMirrored = async (
    ctx: Context,
    { mirror, mirrorRepository }: Mirrored,
    admitMiss: AdmitMiss,
  ): Promise<void> => {
    const digest = parseDigest(ctx["params"].digest);
    const left = new AbortController();
    whenClosed(ctx.res, () => left.abort());
    const blob = await (ctx.method === "HEAD"
      ? mirror.blobs.head(mirrorRepository, digest, admitMiss)
      : mirror.blobs.get(mirrorRepository, digest, left.signal, admitMiss));
    const headers = blobHeaders(blob, mirror.settings.visibility === "public");
    ctx.set({ ...headers, ...cacheHeaders(blob.status) });
    if (matchesIfNoneMatch(ctx.get("If-None-Match") || undefined, digest))
      return sendNothing(ctx, 304);
    await sendRange(ctx, blob);
  };

  const get = async (
    ctx: Context,
    { repository, mirrored }: ResolvedRepository,
    _: undefined,
    admitMiss: AdmitMiss,
  ): Promise<void> => {
    if (mirrored !== undefined) return await getMirrored(ctx, mirrored, admitMiss);
    const blob = await blobs.get(repository, parseDigest(ctx["params"].digest));
    ctx.set(blobHeaders(blob, policy.isPublic(repository)));
    if (
      ctx.method === "HEAD" &&
      policy.allows({ grant: grantOf(ctx), permission: push, repository })
    ) {
      await blobs.extendLease(repository, blob);
    }
    if (matchesIfNoneMatch(ctx.get("If-None-Match") || undefined, blob.digest))
      return sendNothing(ctx, 304);
    const open = (range: ByteRange) => blobs.open(blob, range);
    await sendRange(ctx, { ...blob, open, signedUrl: () => blobs.signedUrl(blob) });
  };

  /**
   * Redirects the client to a signed URL of the store, which evaluates the Range header itself. The permission is
   * already checked. The URL works for every client that has it, so caches must not store the redirect.
   */
  const redirected = async (ctx: Context, blob: Blob): Promise<boolean> => {
    // If-Range contains the ETag of the registry, which the store does not know.
    const ours = blob.sizeBytes === 0 || ctx.get("If-Range") !== "";
    if (ctx.method !== "GET" || ours || !mayRedirect(ctx)) return false;
    const link = await blob.signedUrl?.();
    if (link === undefined) return false;
    ctx.set({ Location: link, "Cache-Control": "no-store" });
    ctx.remove("ETag");
    sendNothing(ctx, 307);
    return true;
  };

  const sendRange = async (ctx: Context, blob: Blob): Promise<void> => {
    const etag = `"${blob.digest}"`;
    const ifRange = ctx.get("If-Range");
    const requestedName =
      ifRange !== "" && ifRange !== etag ? undefined : ctx.get("Range") || undefined;
    const range = parseRange(requestedName, blob.sizeBytes);
    switch (range.kind) {
      case "unsatisfiable":
        throw new OciError("RANGE_INVALID", `the blob has ${blob.sizeBytes} bytes`, {
          headers: { "Content-Range": `bytes */${blob.sizeBytes}` },
        });
      case "full":
        if (await redirected(ctx, blob)) return;
        return send(ctx, blob, 200, OCTET_STREAM, [{ start: 0, end: blob.sizeBytes - 1 }]);
      case "single":
        if (await redirected(ctx, blob)) return;
        ctx.set("Content-Range", contentRange(range, blob));
        return send(ctx, blob, 206, OCTET_STREAM, [range]);
      case "multi": {
        const boundary = randomBytes(18).toString("base64url");
        const heads = range.ranges.map(
          (part) =>
            `\r\n--${boundary}\r\nContent-Type: ${OCTET_STREAM}\r\nContent-Range: ${contentRange(part, blob)}\r\n\r\n`,
        );
        return send(ctx, blob, 206, `multipart/byteranges; boundary=${boundary}`, range.ranges, {
          heads,
          end: `\r\n--${boundary}--\r\n`,
        });
      }
    }
  };

  /** Sends the byte ranges of a blob. With several parts, each part has its own header (RFC 9110, 14.6). */
  const send = async (
    ctx: Context,
    blob: Blob,
    status: number,
    type: string,
    parts: readonly ByteRange[],
    frame?: { readonly heads: readonly string[]; readonly end: string },
  ): Promise<void> => {
    const framing = frame === undefined ? 0 : frame.heads.join("").length + frame.end.length;
    const length = parts.reduce((sum, part) => sum + part.end - part.start + 1, framing);
    const { res } = ctx;
    if (ctx.method === "HEAD" || length === 0) {
      ctx.set({ "Content-Type": type, "Content-Length": String(length) });
      ctx.status = status;
      ctx.respond = false;
      res.end();
      return;
    }
    // Open the blob before sending the status: a blob whose bytes are lost gives a 404, not a truncated 200.
    let bytes = await blob.open(parts[0] ?? { start: 0, end: -1 });
    ctx.respond = false;
    ctx.status = status;
    ctx.set({ "Content-Type": type, "Content-Length": String(length) });
    for (const [index, part] of parts.entries()) {
      if (index > 0) bytes = await blob.open(part);
      if (frame !== undefined) res.write(frame.heads[index]);
      await writeBytes(res, bytes);
    }
    res.end(frame?.end);
  };

  return [
    {
      method: "get",
      path: "/v2/*name/blobs/:digest",
      permission: { kind: "repository", actions: ["pull"] },
      handle: get,
    },
    {
      method: "delete",
      path: "/v2/*name/blobs/:digest",
      permission: { kind: "repository", actions: ["delete"] },
      handle: async (ctx: Context, { repository }: ResolvedRepository) => {
        await blobs.delete(actorOf(ctx), repository, parseDigest(ctx["params"].digest));
        sendNothing(ctx, 202);
      },
    },
  ];
}

function blobHeaders({ digest }: Pick<Blob, "digest">, isPublic: boolean): Record<string, string> {
  return {
    "Docker-Content-Digest": digest,
    ETag: `"${digest}"`,
    "Accept-Ranges": "bytes",
    ...pushedContentHeaders,
    // The bytes of a digest never change.
    "Cache-Control": `${isPublic ? "" : "private, "}max-age=31536000`,
  };
}

const contentRange = (range: ByteRange, blob: Blob): string =>
  `bytes ${range.start}-${range.end}/${blob.sizeBytes}`;
