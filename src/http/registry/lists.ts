import type { Context } from "koa";
import type { Policy } from "../../auth/policy.ts";
import { parseDigest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { OCI_INDEX } from "../../oci/media-types.ts";
import { parsePageSize } from "../../oci/page.ts";
import type { Referrers } from "../../registry/referrers.ts";
import type { Repositories } from "../../registry/repositories.ts";
import type { Tags } from "../../registry/tags.ts";
import { queryValue, queryValues, setNextLink } from "../links.ts";
import { grantOf } from "../middleware/request-state.ts";
import { route, type RepositoryRequest, type Route } from "../route.ts";
import { cacheHeaders } from "./responses.ts";

interface ListServices {
  readonly repositories: Repositories;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly policy: Policy;
  /** The largest page. */
  readonly pageSize: number;
}

const defaultCatalogPageSize = 100;
/** Maximum number of different `artifactType` values in one request; clients send one or two. */
const artifactTypesAtMost = 20;

/** The three lists of the distribution API, in pages: repositories, tags and referrers. */
export function listRoutes(services: ListServices): readonly Route[] {
  const pull = { kind: "repository", actions: ["pull"] } as const;
  return [
    route({
      method: "get",
      path: "/v2/_catalog",
      requires: { kind: "catalog" },
      handle: ({ ctx }) => listRepositories(services, ctx),
    }),
    route({
      method: "get",
      path: "/v2/*name/tags/list",
      requires: pull,
      handle: (request) => listTags(services, request),
    }),
    route({
      method: "get",
      path: "/v2/*name/referrers/:digest",
      requires: pull,
      handle: (request) => listReferrers(services, request),
    }),
  ];
}

async function listRepositories(
  { repositories, policy, pageSize }: ListServices,
  ctx: Context,
): Promise<void> {
  const limit =
    parsePageSize(queryValue(ctx, "n"), pageSize) ?? Math.min(defaultCatalogPageSize, pageSize);
  const last = queryValue(ctx, "last");
  const page = await repositories.list(policy.visibilityFor(grantOf(ctx)), { last, limit });
  linkNextPage(ctx, "/v2/_catalog", lastOf(page), limit);
  ctx.body = { repositories: page.items };
}

async function listTags(
  { tags, pageSize }: ListServices,
  { ctx, target, admitMiss }: RepositoryRequest,
): Promise<void> {
  const { repository, requestedName, mirrored } = target;
  const path = `/v2/${requestedName}/tags/list`;
  const limit = parsePageSize(queryValue(ctx, "n"), pageSize) ?? pageSize;
  const last = queryValue(ctx, "last");
  if (mirrored !== undefined) {
    const { mirror, mirrorRepository } = mirrored;
    const found = await mirror.tags.list(mirrorRepository, { n: limit, last }, admitMiss);
    linkNextPage(ctx, path, found.next?.last, limit);
    ctx.set(cacheHeaders(found.status));
    ctx.body = { name: requestedName, tags: found.tags };
    return;
  }
  const page = await tags.list(repository, { last, limit });
  linkNextPage(ctx, path, lastOf(page), limit);
  ctx.body = { name: requestedName, tags: page.items };
}

async function listReferrers(
  { referrers, pageSize }: ListServices,
  { ctx, params, target, admitMiss }: RepositoryRequest,
): Promise<void> {
  const { repository, requestedName, mirrored } = target;
  const subject = parseDigest(params["digest"] ?? "");
  const artifactTypes = artifactTypesOf(queryValues(ctx, "artifactType"));
  if (mirrored !== undefined) {
    const { mirror, mirrorRepository } = mirrored;
    const found = await mirror.referrers.list(mirrorRepository, subject, artifactTypes, admitMiss);
    ctx.set(cacheHeaders(found.status));
    return sendReferrers(ctx, found.document, artifactTypes);
  }
  const limit = parsePageSize(queryValue(ctx, "n"), pageSize);
  const page = await referrers.list(repository, subject, {
    last: queryValue(ctx, "last"),
    limit: limit ?? pageSize,
    artifactTypes,
  });
  if (page.next !== undefined) {
    setNextLink(ctx, `/v2/${requestedName}/referrers/${subject}`, [
      ...artifactTypes.map((type) => ["artifactType", type] as const),
      ["last", page.next],
      ...(limit === undefined ? [] : [["n", String(limit)] as const]),
    ]);
  }
  sendReferrers(ctx, Buffer.from(page.document), artifactTypes);
}

function sendReferrers(ctx: Context, document: Buffer, artifactTypes: readonly string[]): void {
  if (artifactTypes.length > 0) ctx.set("OCI-Filters-Applied", "artifactType");
  ctx.set("Content-Type", OCI_INDEX);
  ctx.body = document;
}

/**
 * The different values of `artifactType`. A `+` that is not percent-encoded arrives as a space; media types contain no
 * space, so a space is read as `+`. Throws UNSUPPORTED (400) for more than 20 values.
 */
function artifactTypesOf(values: readonly string[]): readonly string[] {
  const types = [...new Set(values.map((type) => type.replaceAll(" ", "+")))];
  if (types.length <= artifactTypesAtMost) return types;
  const message = `at most ${artifactTypesAtMost} different values of artifactType are accepted, ${types.length} were sent: leave artifactType out and filter the list, or send several requests`;
  throw new OciError("UNSUPPORTED", message, { status: 400 });
}

/** The last entry of a page that is not the last one. */
function lastOf(page: {
  readonly items: readonly string[];
  readonly more: boolean;
}): string | undefined {
  return page.more ? page.items.at(-1) : undefined;
}

/** Links to the page that begins after `last`; `undefined`: there is no next page. */
function linkNextPage(ctx: Context, path: string, last: string | undefined, limit: number): void {
  if (last === undefined) return;
  setNextLink(ctx, path, [
    ["last", last],
    ["n", String(limit)],
  ]);
}
