import type { Context } from "koa";
import type { Policy } from "../../auth/policy.ts";
import { isEmptyDigest, parseDigest, parseDigestAlgorithm, type Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { parseRepositoryName, type RepositoryName } from "../../oci/name.ts";
import { parseChunkRange } from "../../oci/range.ts";
import type { Blobs } from "../../registry/blobs.ts";
import { UploadRangeError, type Chunk } from "../../registry/uploads/chunk.ts";
import type { SessionRequest } from "../../registry/uploads/sessions.ts";
import type { Uploads } from "../../registry/uploads/uploads.ts";
import type { StreamBody } from "../middleware/body.ts";
import { actorOf, grantOf } from "../middleware/principal.ts";
import { queryValue, queryValues } from "../links.ts";
import type { Route, ResolvedRepository } from "../route.ts";
import { sendNothing } from "./send.ts";

/** The grammar of the session ids that the registry generates. For any other id, no database lookup is needed. */
const idGrammar = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function uploadRoutes({
  uploads,
  blobs,
  policy,
}: {
  readonly uploads: Uploads;
  readonly blobs: Blobs;
  readonly policy: Policy;
}): readonly Route[] {
  const start = async (
    ctx: Context,
    target: ResolvedRepository,
    body: StreamBody,
  ): Promise<void> => {
    const { repository, requestedName } = target;
    const actor = actorOf(ctx);
    const mounted = queryValue(ctx, "mount");
    if (mounted !== undefined) {
      const digest = parseDigest(mounted);
      const from = mountSource(ctx);
      const mayRead = (source: RepositoryName) => policy.mayRead(grantOf(ctx), source);
      if (from !== "unusable" && (await blobs.mount({ actor, repository, digest, from, mayRead })))
        return created(ctx, requestedName, digest);
    }
    const whole = queryValue(ctx, "digest");
    if (mounted === undefined && whole !== undefined) {
      const digest = parseDigest(whole);
      const chunk = lastChunkOf(ctx, body);
      // Some clients start a session with the digest of its later end and an empty body.
      if (chunk.lengthBytes !== 0 || isEmptyDigest(digest)) {
        await uploads.pushWhole(actor, repository, digest, chunk);
        return created(ctx, requestedName, digest);
      }
    }
    const algorithm = queryValue(ctx, "digest-algorithm");
    const id = await uploads.start(
      actor,
      repository,
      algorithm === undefined ? undefined : parseDigestAlgorithm(algorithm),
    );
    ctx.set(placeOf(requestedName, id, 0));
    sendNothing(ctx, 202);
  };

  const append = async (
    ctx: Context,
    target: ResolvedRepository,
    body: StreamBody,
  ): Promise<void> => {
    const { repository, requestedName } = target;
    const claim = claimOf(ctx, repository);
    const work = () => uploads.append(claim, chunkOf(ctx, body));
    ctx.set(placeOf(requestedName, claim.id, await withRange(requestedName, claim.id, work)));
    sendNothing(ctx, 202);
  };

  const finish = async (
    ctx: Context,
    target: ResolvedRepository,
    body: StreamBody,
  ): Promise<void> => {
    const { repository, requestedName } = target;
    const claim = claimOf(ctx, repository);
    const digest = closingDigest(ctx);
    const chunk = lastChunkOf(ctx, body);
    const last = chunk.lengthBytes === 0 && chunk.range === undefined ? undefined : chunk;
    await withRange(requestedName, claim.id, () => uploads.finish(claim, digest, last));
    created(ctx, requestedName, digest);
  };

  const status = async (
    ctx: Context,
    { repository, requestedName }: ResolvedRepository,
  ): Promise<void> => {
    const claim = claimOf(ctx, repository);
    ctx.set(placeOf(requestedName, claim.id, await uploads.status(claim)));
    sendNothing(ctx, 204);
  };

  const cancel = async (ctx: Context, { repository }: ResolvedRepository): Promise<void> => {
    await uploads.cancel(claimOf(ctx, repository));
    sendNothing(ctx, 204);
  };

  const push = { kind: "repository", actions: ["pull", "push"] } as const;
  const end = { kind: "repository", actions: ["push"], scope: push.actions } as const;
  const body = "stream";
  const session = "/v2/*name/blobs/uploads/:id";
  return [
    { method: "post", path: "/v2/*name/blobs/uploads", permission: push, body, handle: start },
    { method: "post", path: "/v2/*name/blobs/uploads/", permission: push, body, handle: start },
    { ...{ method: "patch", path: session, permission: push }, body, handle: append },
    { ...{ method: "put", path: session, permission: push }, body, handle: finish },
    { method: "get", path: session, permission: push, handle: status },
    { method: "delete", path: session, permission: end, handle: cancel },
  ];
}

/** The `from` parameter of a mount. An invalid name is "unusable": the mount is skipped, and a normal upload starts. */
function mountSource(ctx: Context): RepositoryName | undefined | "unusable" {
  const from = queryValue(ctx, "from");
  if (from === undefined) return undefined;
  try {
    return parseRepositoryName(from);
  } catch {
    return "unusable";
  }
}

function claimOf(ctx: Context, repository: RepositoryName): SessionRequest {
  const id: string = ctx["params"].id;
  if (!idGrammar.test(id)) throw new OciError("BLOB_UPLOAD_UNKNOWN");
  return { actor: actorOf(ctx), repository, id };
}

function closingDigest(ctx: Context): Digest {
  const [first, ...others] = queryValues(ctx, "digest");
  if (first === undefined)
    throw new OciError(
      "DIGEST_INVALID",
      "the closing request must name the digest: ?digest=sha256:…",
    );
  if (others.some((other) => other !== first))
    throw new OciError("DIGEST_INVALID", "the request names several digests");
  return parseDigest(first);
}

function chunkOf(ctx: Context, { source, lengthBytes }: StreamBody): Chunk {
  return {
    ...{ source, lengthBytes },
    range: parseChunkRange(ctx.get("Content-Range") || undefined),
  };
}

/** The chunk that closes an upload. The expiry of the token is checked after its last byte. */
const lastChunkOf = (ctx: Context, body: StreamBody): Chunk => ({
  ...chunkOf(ctx, body),
  demandAtEnd: () => body.demandToken(),
});

/** Adds the current offset to the 416 for a chunk at the wrong offset: clients resume from the headers of the 416. */
async function withRange<T>(requestedName: string, id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UploadRangeError)) throw error;
    const headers = placeOf(requestedName, id, error.offset);
    throw new OciError(error.code, error.message, { detail: error.detail, headers, cause: error });
  }
}

/** Location and offset of the session. `Range: 0-0` also stands for an empty session, as in other registries. */
function placeOf(requestedName: string, id: string, offset: number): Record<string, string> {
  return {
    // The query parameter supports both clients that append `&digest=…` and clients that edit the URL.
    Location: `/v2/${requestedName}/blobs/uploads/${id}?_state=open`,
    Range: `0-${Math.max(0, offset - 1)}`,
    "Docker-Upload-UUID": id,
  };
}

function created(ctx: Context, requestedName: string, digest: Digest): void {
  ctx.set({ Location: `/v2/${requestedName}/blobs/${digest}`, "Docker-Content-Digest": digest });
  sendNothing(ctx, 201);
}
