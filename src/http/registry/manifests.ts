import type { Context } from "koa";
import type { Policy } from "../../auth/policy.ts";
import type { PullCounters } from "../../catalog/pull-counters.ts";
import { matchesIfNoneMatch } from "../../oci/conditional.ts";
import { OciError } from "../../oci/errors.ts";
import { parseReference, parseTag, type Reference, type Tag } from "../../oci/reference.ts";
import type { Manifests, StoredManifest } from "../../registry/manifests.ts";
import type { Mirrored } from "../../mirror/mirrors.ts";
import type { AdmitMiss } from "../../mirror/repository.ts";
import { queryValues } from "../links.ts";
import { pushedContentHeaders } from "../middleware/csrf.ts";
import { cacheHeaders } from "./cache-status.ts";
import { actorOf, grantOf } from "../middleware/principal.ts";
import type { Route, ResolvedRepository } from "../route.ts";
import { sendNothing } from "./send.ts";

/** A HEAD by a pusher extends the manifest's lease: the collector keeps the manifest until the pusher refers to it. */
const push = { kind: "repository", actions: ["push"] } as const;

export function manifestRoutes({
  manifests,
  policy,
  pullCounters,
  tagsPerPush,
}: {
  readonly manifests: Manifests;
  readonly policy: Policy;
  readonly pullCounters: PullCounters;
  readonly tagsPerPush: number;
}): readonly Route[] {
  const getMirrored = async (
    ctx: Context,
    { mirror, mirrorRepository }: Mirrored,
    admitMiss: AdmitMiss,
  ): Promise<void> => {
    const reference = referenceOf(ctx);
    const isHead = ctx.method === "HEAD";
    const question = { isHead, isPull: !isHead };
    const found = await mirror.manifests.get(mirrorRepository, reference, question, admitMiss);
    ctx.set({ ...manifestHeaders(found), ...cacheHeaders(found.status) });
    if (matchesIfNoneMatch(ctx.get("If-None-Match") || undefined, found.digest))
      return sendNothing(ctx, 304);
    if (found.content === undefined) {
      ctx.set("Content-Length", String(found.sizeBytes));
      ctx.respond = false;
      ctx.res.statusCode = 200;
      ctx.res.end();
      return;
    }
    if (!isHead) pullCounters.record(mirrorRepository.repository, reference);
    ctx.body = Buffer.from(found.content);
  };

  const get = async (
    ctx: Context,
    { repository, mirrored }: ResolvedRepository,
    _: undefined,
    admitMiss: AdmitMiss,
  ): Promise<void> => {
    if (mirrored !== undefined) return await getMirrored(ctx, mirrored, admitMiss);
    const reference = referenceOf(ctx);
    const found = await manifests.get(repository, reference);
    ctx.set(manifestHeaders(found));
    if (
      ctx.method === "HEAD" &&
      policy.allows({ grant: grantOf(ctx), permission: push, repository })
    ) {
      await manifests.extendLease(repository, found);
    }
    if (matchesIfNoneMatch(ctx.get("If-None-Match") || undefined, found.digest))
      return sendNothing(ctx, 304);
    if (ctx.method === "GET") pullCounters.record(repository, reference);
    ctx.body = Buffer.from(
      found.content.buffer,
      found.content.byteOffset,
      found.content.byteLength,
    );
  };

  const put = async (
    ctx: Context,
    { repository, requestedName }: ResolvedRepository,
    bytes: Buffer,
  ): Promise<void> => {
    const reference = referenceOf(ctx);
    const tags = reference.kind === "digest" ? tagParameters(ctx, tagsPerPush) : [];
    const contentType = ctx.get("Content-Type") || undefined;
    const pushed = await manifests.put({
      actor: actorOf(ctx),
      repository,
      reference,
      tags,
      contentType,
      bytes,
    });
    pullCounters.recordPush(repository, pushed.tags);
    ctx.set({
      Location: `/v2/${requestedName}/manifests/${pushed.digest}`,
      "Docker-Content-Digest": pushed.digest,
    });
    if (pushed.subject !== undefined) ctx.set("OCI-Subject", pushed.subject);
    if (tags.length > 0) ctx.set("OCI-Tag", [...tags]);
    sendNothing(ctx, 201);
  };

  return [
    {
      method: "get",
      path: "/v2/*name/manifests/:reference",
      permission: { kind: "repository", actions: ["pull"] },
      handle: get,
    },
    {
      method: "put",
      path: "/v2/*name/manifests/:reference",
      permission: { kind: "repository", actions: ["pull", "push"] },
      body: "manifest",
      handle: put,
    },
    {
      method: "delete",
      path: "/v2/*name/manifests/:reference",
      permission: { kind: "repository", actions: ["delete"] },
      handle: async (ctx: Context, { repository }: ResolvedRepository) => {
        await manifests.delete(actorOf(ctx), repository, referenceOf(ctx));
        sendNothing(ctx, 202);
      },
    },
  ];
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

const referenceOf = (ctx: Context): Reference => parseReference(ctx["params"].reference);

/**
 * Tags that a push by digest sets as well. Throws TAG_INVALID for an invalid tag, and with 414 for more than `limit`
 * tags.
 */
function tagParameters(ctx: Context, limit: number): readonly Tag[] {
  const tags = [...new Set(queryValues(ctx, "tag").map(parseTag))];
  if (tags.length > limit) {
    throw new OciError("TAG_INVALID", `at most ${limit} tags can be set at once`, {
      status: 414,
      detail: { limit },
    });
  }
  return tags;
}
