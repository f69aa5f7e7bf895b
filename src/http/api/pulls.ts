import type * as z from "zod";
import { timeOf } from "../../api/fields.ts";
import { namespacePullsQuery, pullsQuery, pullsSchema, pushesSchema } from "../../api/pulls.ts";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import { parseNamespace } from "../../oci/name.ts";
import { parseTag } from "../../oci/reference.ts";
import { route, type Route } from "../route.ts";
import { root } from "./repositories.ts";

interface Parts {
  readonly catalog: Catalog;
  readonly policy: HubPolicy;
}

/** Routes of Berth's own API for pulls and pushes per day. */
export function berthPullRoutes({ catalog, policy }: Parts): readonly Route[] {
  return [
    route({
      method: "get",
      path: `${root}/repositories/*repository/-/pulls`,
      requires: { of: "repository", permission: "see" },
      summary: "The pulls of a repository, or of a tag, per day",
      query: pullsQuery,
      answer: pullsSchema,
      handle: async ({ repository, query: { days, tag } }) => {
        const wanted = { days, tag: tag === undefined ? undefined : parseTag(tag) };
        return present(await catalog.pulls.ofRepository(repository, wanted));
      },
    }),
    route({
      method: "get",
      path: `${root}/repositories/*repository/-/pushes`,
      requires: { of: "repository", permission: "see tags" },
      summary: "The tags of a repository by the day of their last push",
      revalidates: true,
      query: namespacePullsQuery,
      answer: pushesSchema,
      handle: async ({ repository, query, work }) => {
        const { days, more } = await catalog.pulls.pushes(repository, query, work);
        const presented = days.map(({ atMs, count, tags }) => ({
          ...{ day: timeOf(atMs).slice(0, 10), tag_count: count, tags: [...tags] },
        }));
        return { days: presented, more };
      },
    }),
    route({
      method: "get",
      path: `${root}/namespaces/:namespace/pulls`,
      requires: { of: "anyone" },
      summary: "The pulls per day of the repositories of a namespace that the caller may read",
      query: namespacePullsQuery,
      answer: pullsSchema,
      handle: async ({ session, namespace: text, query, work }) => {
        const namespace = parseNamespace(text);
        const visibility = policy.visibilityFor(session);
        return present(await catalog.pulls.ofNamespace(namespace, visibility, query, work));
      },
    }),
  ];
}

type Days = Awaited<ReturnType<Catalog["pulls"]["ofRepository"]>>;

const present = (days: Days): z.input<typeof pullsSchema> => ({
  days: days.map(({ atMs, pulls }) => ({ day: timeOf(atMs).slice(0, 10), pulls })),
});
