import type { Context } from "koa";
import type { Policy } from "../../auth/policy.ts";
import type { PullCounters } from "../../catalog/pull-counters.ts";
import type { Mirrored } from "../../mirror/mirrors.ts";
import type { PullEvents } from "../../events/pulls.ts";
import type { Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { parseReference, parseTag, type Reference, type Tag } from "../../oci/reference.ts";
import type { Manifests, StoredManifest } from "../../registry/manifests.ts";
import { queryValues } from "../links.ts";
import { pushedContentHeaders } from "../middleware/csrf.ts";
import { actorOf } from "../middleware/request-state.ts";
import { route, type RepositoryRequest, type Route } from "../route.ts";
import { cacheHeaders, isHeadByPusher, sendNothing, sendNotModified } from "./responses.ts";

export interface ManifestServices {
  readonly manifests: Manifests;
  readonly policy: Policy;
  readonly pullCounters: PullCounters;
  readonly pullEvents: PullEvents;
  readonly tagsPerPush: number;
}

export const manifestPath = "/v2/*name/manifests/:reference";

export function manifestRoutes(services: ManifestServices): readonly Route[] {
  const path = manifestPath;
  return [
    route({
      method: "get",
      path,
      requires: { kind: "repository", actions: ["pull"] },
      handle: (request) => getManifest(services, request),
    }),
    route({
      method: "put",
      path,
      requires: { kind: "repository", actions: ["pull", "push"] },
      body: "manifest",
      handle: (request) => putManifest(services, request),
    }),
    route({
      method: "delete",
      path,
      requires: { kind: "repository", actions: ["delete"] },
      handle: (request) => deleteManifest(services, request),
    }),
  ];
}

async function getManifest(services: ManifestServices, request: RepositoryRequest): Promise<void> {
  const { manifests, policy } = services;
  const { ctx, target, facts } = request;
  const { repository, mirrored } = target;
  if (mirrored !== undefined) return await getMirroredManifest(services, request, mirrored);
  const reference = referenceOf(request);
  const found = await manifests.get(repository, reference);
  ctx.set(manifestHeaders(found));
  if (isHeadByPusher(ctx, policy, facts)) await manifests.extendLease(repository, found);
  if (sendNotModified(ctx, found.digest)) return;
  if (ctx.method === "GET") recordPull(services, request, found.digest);
  const { buffer, byteOffset, byteLength } = found.content;
  ctx.body = Buffer.from(buffer, byteOffset, byteLength);
}

async function getMirroredManifest(
  services: ManifestServices,
  request: RepositoryRequest,
  { mirror, mirrorRepository }: Mirrored,
): Promise<void> {
  const { ctx, admitMiss } = request;
  const reference = referenceOf(request);
  const isHead = ctx.method === "HEAD";
  const question = { isHead, isPull: !isHead };
  const found = await mirror.manifests.get(mirrorRepository, reference, question, admitMiss);
  ctx.set({ ...manifestHeaders(found), ...cacheHeaders(found.status) });
  if (sendNotModified(ctx, found.digest)) return;
  if (found.content === undefined) {
    ctx.set("Content-Length", String(found.sizeBytes));
    ctx.respond = false;
    ctx.res.statusCode = 200;
    ctx.res.end();
    return;
  }
  if (!isHead) recordPull(services, request, found.digest);
  ctx.body = Buffer.from(found.content);
}

function recordPull(
  { pullCounters, pullEvents }: ManifestServices,
  request: RepositoryRequest,
  digest: Digest,
): void {
  const { ctx, facts } = request;
  const reference = referenceOf(request);
  pullCounters.record(facts, reference);
  if (!pullEvents.wants(facts.name)) return;
  const { name: actor, peer } = actorOf(ctx);
  pullEvents.record({ repository: facts.name, reference, digest, actor, peer });
}

async function putManifest(
  { manifests, pullCounters, tagsPerPush }: ManifestServices,
  request: RepositoryRequest<undefined, Buffer>,
): Promise<void> {
  const { ctx, target, facts, body: bytes } = request;
  const { repository, requestedName } = target;
  const reference = referenceOf(request);
  const tags = reference.kind === "digest" ? tagParameters(ctx, tagsPerPush) : [];
  const contentType = ctx.get("Content-Type") || undefined;
  const actor = actorOf(ctx);
  const pushed = await manifests.put({ actor, repository, reference, tags, contentType, bytes });
  pullCounters.recordPush(facts, pushed.tags);
  ctx.set({
    Location: `/v2/${requestedName}/manifests/${pushed.digest}`,
    "Docker-Content-Digest": pushed.digest,
  });
  if (pushed.subject !== undefined) ctx.set("OCI-Subject", pushed.subject);
  if (tags.length > 0) ctx.set("OCI-Tag", [...tags]);
  sendNothing(ctx, 201);
}

async function deleteManifest(
  { manifests }: ManifestServices,
  request: RepositoryRequest,
): Promise<void> {
  const { ctx, target } = request;
  await manifests.delete(actorOf(ctx), target.repository, referenceOf(request));
  sendNothing(ctx, 202);
}

/** Headers of every 200 and 304 of a manifest. */
export function manifestHeaders(
  found: Pick<StoredManifest, "digest" | "mediaType">,
): Record<string, string> {
  return {
    "Docker-Content-Digest": found.digest,
    ETag: `"${found.digest}"`,
    // A tag can move at any time.
    "Cache-Control": "no-cache",
    // The stored type unchanged, independent of Accept: the registry never converts or hides a manifest.
    "Content-Type": found.mediaType,
    ...pushedContentHeaders,
  };
}

const referenceOf = ({ params }: RepositoryRequest): Reference =>
  parseReference(params["reference"] ?? "");

/**
 * Tags that a push by digest sets as well. Throws TAG_INVALID for an invalid tag, and with 414 for more than `limit`
 * tags.
 */
function tagParameters(ctx: Context, limit: number): readonly Tag[] {
  const tags = [...new Set(queryValues(ctx, "tag").map(parseTag))];
  if (tags.length > limit) {
    throw new OciError("TAG_INVALID", `one push may set at most ${limit} tags`, {
      status: 414,
      detail: { limit },
    });
  }
  return tags;
}
