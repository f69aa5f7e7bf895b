import type { Context } from "koa";
import type { Policy } from "../../auth/policy.ts";
import type { Search } from "../../hub/search.ts";
import { OciError } from "../../oci/errors.ts";
import { callerOf } from "../caller.ts";
import { queryValue } from "../links.ts";
import type { Route } from "../route.ts";
import { parseWholeNumber } from "./page.ts";

const defaultLimit = 25;
const largestLimit = 100;

/**
 * The index protocol of Docker's first registry, which `docker search` and `podman search` still speak.
 *
 * podman asks without any credentials and takes every 200 for the last word, an empty one too; on anything else it reads
 * the catalog, with credentials. docker shows its credentials unasked, and anything but 200 as an error.
 */
export function searchV1Routes({
  search,
  policy,
}: {
  readonly search: Search;
  readonly policy: Policy;
}): readonly Route[] {
  const find = async (ctx: Context): Promise<void> => {
    const viewer = policy.viewerFor(callerOf(ctx));
    const text = queryValue(ctx, "q") ?? "";
    const wanted = parseWholeNumber(queryValue(ctx, "n"), "n") ?? defaultLimit;
    const limit = Math.min(Math.max(wanted, 1), largestLimit);
    const page = Math.max(1, parseWholeNumber(queryValue(ctx, "page"), "page") ?? 1);
    if (viewer.kind === "public" && !(await search.hasContent(viewer)))
      throw new OciError("UNAUTHORIZED", "nothing here is public: log in");
    const { results, total } =
      text.trim() === ""
        ? { results: [], total: 0 }
        : await search.find({ viewer, text, offset: (page - 1) * limit, limit });
    const isDocker = ctx.get("X-Docker-Token") !== "";
    if (viewer.kind === "public" && total === 0 && text.trim() !== "" && !isDocker)
      throw new OciError("NAME_UNKNOWN", "nothing public matches");
    ctx.body = {
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
    {
      method: "get",
      path: "/v1/_ping",
      permission: { kind: "none" },
      handle: (ctx: Context) => {
        ctx.set("X-Docker-Registry-Standalone", "true");
        ctx.body = { standalone: true };
      },
    },
    { method: "get", path: "/v1/search", permission: { kind: "browse" }, handle: find },
  ];
}
