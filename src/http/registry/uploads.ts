import type { Context } from "koa";
import type { Policy } from "../../auth/policy.ts";
import { isEmptyDigest, parseDigest, parseDigestAlgorithm, type Digest } from "../../oci/digest.ts";
import { OciError, orAbsent } from "../../oci/errors.ts";
import { parseRepositoryName, type RepositoryName } from "../../oci/name.ts";
import { parseChunkRange } from "../../oci/range.ts";
import type { Blobs } from "../../registry/blobs.ts";
import { UploadRangeError, type Chunk } from "../../registry/uploads/chunk.ts";
import type { SessionRequest } from "../../registry/uploads/sessions.ts";
import type { Uploads } from "../../registry/uploads/uploads.ts";
import { queryValue, queryValues } from "../links.ts";
import { actorOf, grantOf } from "../middleware/request-state.ts";
import {
  route,
  type RepositoryRequest,
  type ResolvedRepository,
  type Route,
  type StreamBody,
} from "../route.ts";
import { sendNothing } from "./responses.ts";

interface UploadServices {
  readonly uploads: Uploads;
  readonly blobs: Blobs;
  readonly policy: Policy;
}

type StreamRequest = RepositoryRequest<undefined, StreamBody>;

export function uploadRoutes(services: UploadServices): readonly Route[] {
  const push = { kind: "repository", actions: ["pull", "push"] } as const;
  const session = "/v2/*name/blobs/uploads/:id";
  return [
    ...["/v2/*name/blobs/uploads", "/v2/*name/blobs/uploads/"].map((path) =>
      route({
        method: "post",
        path,
        requires: push,
        body: "stream",
        handle: (request) => startUpload(services, request),
      }),
    ),
    route({
      method: "patch",
      path: session,
      requires: push,
      body: "stream",
      handle: (request) => appendChunk(services, request),
    }),
    route({
      method: "put",
      path: session,
      requires: push,
      body: "stream",
      handle: (request) => finishUpload(services, request),
    }),
    route({
      method: "get",
      path: session,
      requires: push,
      handle: (request) => getStatus(services, request),
    }),
    route({
      method: "delete",
      path: session,
      requires: { kind: "repository", actions: ["push"], scope: push.actions },
      handle: (request) => cancelUpload(services, request),
    }),
  ];
}

/** Mounts a blob, stores a blob that comes whole with the request, or opens a session. */
async function startUpload(services: UploadServices, request: StreamRequest): Promise<void> {
  const { ctx, target, body } = request;
  const mounted = queryValue(ctx, "mount");
  const whole = queryValue(ctx, "digest");
  if (mounted !== undefined) {
    const digest = parseDigest(mounted);
    if (await mount(services, request, digest)) return sendCreated(ctx, target, digest);
  } else if (whole !== undefined) {
    const digest = parseDigest(whole);
    const chunk = lastChunkOf(ctx, body);
    // Some clients start a session with the digest of its later end and an empty body.
    if (chunk.lengthBytes !== 0 || isEmptyDigest(digest)) {
      await services.uploads.pushWhole(actorOf(ctx), target.repository, digest, chunk);
      return sendCreated(ctx, target, digest);
    }
  }
  await openSession(services, request);
}

async function mount(
  { blobs, policy }: UploadServices,
  { ctx, target: { repository } }: RepositoryRequest,
  digest: Digest,
): Promise<boolean> {
  const actor = actorOf(ctx);
  const from = mountSource(ctx);
  if (from === "unusable") return false;
  const mayRead = (source: RepositoryName) => policy.mayRead(grantOf(ctx), source);
  return await blobs.mount({ actor, repository, digest, from, mayRead });
}

async function openSession(
  { uploads }: UploadServices,
  { ctx, target }: RepositoryRequest,
): Promise<void> {
  const text = queryValue(ctx, "digest-algorithm");
  const algorithm = text === undefined ? undefined : parseDigestAlgorithm(text);
  const id = await uploads.start(actorOf(ctx), target.repository, algorithm);
  ctx.set(sessionHeaders(target, id, 0));
  sendNothing(ctx, 202);
}

async function appendChunk({ uploads }: UploadServices, request: StreamRequest): Promise<void> {
  const { ctx, target, body } = request;
  const session = sessionOf(request);
  const size = await withSessionHeaders(target, session.id, () =>
    uploads.append(session, chunkOf(ctx, body)),
  );
  ctx.set(sessionHeaders(target, session.id, size));
  sendNothing(ctx, 202);
}

async function finishUpload({ uploads }: UploadServices, request: StreamRequest): Promise<void> {
  const { ctx, target, body } = request;
  const session = sessionOf(request);
  const digest = closingDigest(ctx);
  const chunk = lastChunkOf(ctx, body);
  const last = chunk.lengthBytes === 0 && chunk.range === undefined ? undefined : chunk;
  await withSessionHeaders(target, session.id, () => uploads.finish(session, digest, last));
  sendCreated(ctx, target, digest);
}

async function getStatus({ uploads }: UploadServices, request: RepositoryRequest): Promise<void> {
  const { ctx, target } = request;
  const session = sessionOf(request);
  ctx.set(sessionHeaders(target, session.id, await uploads.status(session)));
  sendNothing(ctx, 204);
}

async function cancelUpload(
  { uploads }: UploadServices,
  request: RepositoryRequest,
): Promise<void> {
  await uploads.cancel(sessionOf(request));
  sendNothing(request.ctx, 204);
}

/** The `from` parameter of a mount. An invalid name is "unusable": the mount is skipped, and a normal upload starts. */
function mountSource(ctx: Context): RepositoryName | undefined | "unusable" {
  const from = queryValue(ctx, "from");
  return from === undefined ? undefined : (orAbsent(() => parseRepositoryName(from)) ?? "unusable");
}

/** The grammar of the session ids that the registry generates. For any other id, no database lookup is needed. */
const idGrammar = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function sessionOf({ ctx, params, target }: RepositoryRequest): SessionRequest {
  const id = params["id"] ?? "";
  if (!idGrammar.test(id)) throw new OciError("BLOB_UPLOAD_UNKNOWN");
  return { actor: actorOf(ctx), repository: target.repository, id };
}

function closingDigest(ctx: Context): Digest {
  const [first, ...others] = queryValues(ctx, "digest");
  if (first === undefined)
    throw new OciError("DIGEST_INVALID", "the closing request needs the digest: ?digest=sha256:…");
  if (others.some((other) => other !== first))
    throw new OciError("DIGEST_INVALID", "the request names several digests");
  return parseDigest(first);
}

function chunkOf(ctx: Context, { source, lengthBytes }: StreamBody): Chunk {
  const range = parseChunkRange(ctx.get("Content-Range") || undefined);
  return { source, lengthBytes, range };
}

/** The chunk that closes an upload. The expiry of the token is checked after its last byte. */
const lastChunkOf = (ctx: Context, body: StreamBody): Chunk => ({
  ...chunkOf(ctx, body),
  demandAtEnd: () => body.demandToken(),
});

/** Adds the current offset to the 416 for a chunk at the wrong offset: clients resume from the headers of the 416. */
async function withSessionHeaders<T>(
  target: ResolvedRepository,
  id: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UploadRangeError)) throw error;
    const headers = sessionHeaders(target, id, error.offset);
    throw new OciError(error.code, error.message, { detail: error.detail, headers, cause: error });
  }
}

/** Location and offset of the session. `Range: 0-0` also stands for an empty session, as in other registries. */
function sessionHeaders(
  { requestedName }: ResolvedRepository,
  id: string,
  offset: number,
): Record<string, string> {
  return {
    // The query parameter supports both clients that append `&digest=…` and clients that edit the URL.
    Location: `/v2/${requestedName}/blobs/uploads/${id}?_state=open`,
    Range: `0-${Math.max(0, offset - 1)}`,
    "Docker-Upload-UUID": id,
  };
}

function sendCreated(ctx: Context, { requestedName }: ResolvedRepository, digest: Digest): void {
  ctx.set({ Location: `/v2/${requestedName}/blobs/${digest}`, "Docker-Content-Digest": digest });
  sendNothing(ctx, 201);
}
