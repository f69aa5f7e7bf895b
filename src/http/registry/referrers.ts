import type { Context } from "koa";
import { parseDigest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { OCI_INDEX } from "../../oci/media-types.ts";
import { parsePageSize } from "../../oci/page.ts";
import type { Referrers } from "../../registry/referrers.ts";
import { cacheHeaders } from "./cache-status.ts";
import { queryValue, queryValues, setNextLink } from "../links.ts";
import type { Route, ResolvedRepository } from "../route.ts";

export function referrerRoutes({
  referrers,
  pageSize,
}: {
  readonly referrers: Referrers;
  readonly pageSize: number;
}): readonly Route[] {
  return [
    {
      method: "get",
      path: "/v2/*name/referrers/:digest",
      permission: { kind: "repository", actions: ["pull"] },
      handle: async (
        ctx: Context,
        { repository, requestedName, mirrored }: ResolvedRepository,
        _,
        admitMiss,
      ) => {
        const subject = parseDigest(ctx["params"].digest);
        const artifactTypes = artifactTypesOf(queryValues(ctx, "artifactType"));
        if (mirrored !== undefined) {
          const { mirror, mirrorRepository } = mirrored;
          const found = await mirror.lists.referrers(
            mirrorRepository,
            subject,
            artifactTypes,
            admitMiss,
          );
          if (artifactTypes.length > 0) ctx.set("OCI-Filters-Applied", "artifactType");
          ctx.set({ "Content-Type": OCI_INDEX, ...cacheHeaders(found.status) });
          ctx.body = found.document;
          return;
        }
        const asksFor = parsePageSize(queryValue(ctx, "n"), pageSize);
        const page = await referrers.list(repository, subject, {
          last: queryValue(ctx, "last"),
          limit: asksFor ?? pageSize,
          artifactTypes,
        });
        if (page.next !== undefined) {
          setNextLink(ctx, `/v2/${requestedName}/referrers/${subject}`, [
            ...artifactTypes.map((type) => ["artifactType", type] as const),
            ["last", page.next],
            ...(asksFor === undefined ? [] : [["n", String(asksFor)] as const]),
          ]);
        }
        if (artifactTypes.length > 0) ctx.set("OCI-Filters-Applied", "artifactType");
        ctx.set("Content-Type", OCI_INDEX);
        ctx.body = Buffer.from(page.document);
      },
    },
  ];
}

/** Maximum number of different `artifactType` values in one request; clients send one or two. */
const artifactTypesAtMost = 20;

/**
 * The different values of `artifactType`. A `+` that is not percent-encoded arrives as a space; media types contain no
 * space, so a space is read as `+`. Throws UNSUPPORTED (400) for more than 20 values.
 */
function artifactTypesOf(values: readonly string[]): readonly string[] {
  const types = [...new Set(values.map((type) => type.replaceAll(" ", "+")))];
  if (types.length <= artifactTypesAtMost) return types;
  const message = `at most ${artifactTypesAtMost} different values of artifactType are accepted, ${types.length} were sent: leave artifactType out and filter the list, or ask several times`;
  throw new OciError("UNSUPPORTED", message, { status: 400 });
}
