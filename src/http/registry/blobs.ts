import type { Policy } from "../../auth/policy.ts";
import type { Mirrored } from "../../mirror/mirrors.ts";
import { parseDigest, type Digest } from "../../oci/digest.ts";
import type { ByteRange } from "../../oci/range.ts";
import type { Blobs } from "../../registry/blobs.ts";
import { pushedContentHeaders } from "../middleware/csrf.ts";
import { whenClosed } from "../middleware/early-end.ts";
import { actorOf } from "../middleware/request-state.ts";
import { route, type RepositoryRequest, type Route } from "../route.ts";
import { sendBlob, type MayRedirect } from "./blob-content.ts";
import { cacheHeaders, isHeadByPusher, sendNothing, sendNotModified } from "./responses.ts";

export interface BlobServices {
  readonly blobs: Blobs;
  readonly policy: Policy;
  readonly mayRedirect: MayRedirect;
}

export const blobPath = "/v2/*name/blobs/:digest";

export function blobRoutes(services: BlobServices): readonly Route[] {
  const path = blobPath;
  return [
    route({
      method: "get",
      path,
      requires: { kind: "repository", actions: ["pull"] },
      handle: (request) => getBlob(services, request),
    }),
    route({
      method: "delete",
      path,
      requires: { kind: "repository", actions: ["delete"] },
      handle: (request) => deleteBlob(services, request),
    }),
  ];
}

async function getBlob(services: BlobServices, request: RepositoryRequest): Promise<void> {
  const { blobs, policy, mayRedirect } = services;
  const { ctx, target, facts } = request;
  const { repository, mirrored } = target;
  if (mirrored !== undefined) return await getMirroredBlob(services, request, mirrored);
  const blob = await blobs.get(repository, requestedDigest(request));
  ctx.set(blobHeaders(blob.digest, policy.isPublic(facts)));
  if (isHeadByPusher(ctx, policy, facts)) await blobs.extendLease(repository, blob);
  if (sendNotModified(ctx, blob.digest)) return;
  const open = (range: ByteRange) => blobs.open(blob, range);
  const content = { ...blob, open, signedUrl: () => blobs.signedUrl(blob) };
  await sendBlob(ctx, content, mayRedirect);
}

async function getMirroredBlob(
  { mayRedirect }: BlobServices,
  request: RepositoryRequest,
  { mirror, mirrorRepository }: Mirrored,
): Promise<void> {
  const { ctx, admitMiss } = request;
  const digest = requestedDigest(request);
  const clientGone = new AbortController();
  whenClosed(ctx.res, () => clientGone.abort());
  const blob = await (ctx.method === "HEAD"
    ? mirror.blobs.head(mirrorRepository, digest, admitMiss)
    : mirror.blobs.get(mirrorRepository, digest, clientGone.signal, admitMiss));
  const isPublic = mirror.settings.visibility === "public";
  ctx.set({ ...blobHeaders(blob.digest, isPublic), ...cacheHeaders(blob.status) });
  if (sendNotModified(ctx, digest)) return;
  await sendBlob(ctx, blob, mayRedirect);
}

async function deleteBlob({ blobs }: BlobServices, request: RepositoryRequest): Promise<void> {
  const { ctx, target } = request;
  await blobs.delete(actorOf(ctx), target.repository, requestedDigest(request));
  sendNothing(ctx, 202);
}

const requestedDigest = ({ params }: RepositoryRequest): Digest =>
  parseDigest(params["digest"] ?? "");

/** Headers of every 200, 206 and 304 of a blob. */
export function blobHeaders(digest: Digest, isPublic: boolean): Record<string, string> {
  return {
    "Docker-Content-Digest": digest,
    ETag: `"${digest}"`,
    "Accept-Ranges": "bytes",
    ...pushedContentHeaders,
    // The bytes of a digest never change.
    "Cache-Control": `${isPublic ? "" : "private, "}max-age=31536000`,
  };
}
