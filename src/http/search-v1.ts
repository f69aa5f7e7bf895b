import type { Context } from "koa";
import type * as z from "zod";
import { v1PingSchema, v1SearchQuery, v1SearchSchema } from "../api/search.ts";
import type { VisibilityFilter } from "../auth/visibility.ts";
import type { Policy } from "../auth/policy.ts";
import type { Search } from "../catalog/search.ts";
import { OciError } from "../oci/errors.ts";
import { grantOf } from "./middleware/request-state.ts";
import { route, type Route } from "./route.ts";

/** docker sends it with a search, podman does not. */
const dockerHeader = "x-docker-token";

/**
 * The search protocol of Docker's v1 registry, which `docker search` and `podman search` still use.
 * podman searches without credentials. It accepts every 200 as final, also an empty result; on any other status it
 * reads the catalog with credentials. Therefore an anonymous search fails with 401 if there is no public repository,
 * and with 404 if no public repository matches.
 * docker sends its credentials unasked and reports every status other than 200 as an error, so it gets an empty result
 * instead of the 404.
 */
export function searchV1Routes({
  search,
  policy,
}: {
  readonly search: Search;
  readonly policy: Policy;
}): readonly Route[] {
  const isDocker = (ctx: Context): boolean => ctx.get(dockerHeader) !== "";
  const find = async (
    ctx: Context,
    { q: text, n: limit, page }: z.output<typeof v1SearchQuery>,
    visibility: VisibilityFilter,
  ): Promise<z.input<typeof v1SearchSchema>> => {
    if (visibility.kind === "public" && !(await search.hasContent(visibility)))
      throw new OciError("UNAUTHORIZED", "this registry has no public repository: log in");
    const { results, total } =
      text.trim() === ""
        ? { results: [], total: 0 }
        : await search.find({ visibility, text, offset: (page - 1) * limit, limit });
    if (visibility.kind === "public" && total === 0 && text.trim() !== "" && !isDocker(ctx))
      throw new OciError("NAME_UNKNOWN", "no public repository matches");
    return {
      query: text,
      num_results: total,
      num_pages: Math.ceil(total / limit),
      page,
      page_size: limit,
      results: results.map((result) => ({
        name: result.shortName,
        description: result.description,
        star_count: result.stars,
        pull_count: result.pulls,
        is_official: result.isOfficial,
        is_automated: false,
        is_trusted: false,
      })),
    };
  };

  return [
    route({
      method: "get",
      path: "/v1/_ping",
      requires: { kind: "none" },
      summary: "Whether this registry answers searches itself",
      answer: v1PingSchema,
      handle: ({ ctx }) => {
        ctx.set("X-Docker-Registry-Standalone", "true");
        return { standalone: true };
      },
    }),
    route({
      method: "get",
      path: "/v1/search",
      requires: { kind: "browse" },
      summary: "docker search",
      cacheable: true,
      varies: dockerHeader,
      query: v1SearchQuery,
      answer: v1SearchSchema,
      handle: ({ ctx, query }) => find(ctx, query, policy.visibilityFor(grantOf(ctx))),
    }),
  ];
}
