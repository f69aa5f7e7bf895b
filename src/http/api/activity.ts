import type * as z from "zod";
import { activityQuery, activitySchema, type ActivityAnswer } from "../../api/activity.ts";
import { timeOf } from "../../api/fields.ts";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { Session } from "../../auth/sessions.ts";
import type { Activity } from "../../catalog/activity.ts";
import type { Pager } from "../hub/pages.ts";
import { route, type HubRequest, type Route } from "../route.ts";
import { root } from "./repositories.ts";

interface Parts {
  readonly catalog: { readonly activity: Activity };
  readonly policy: HubPolicy;
  readonly pager: Pager;
}

/** The route of what happened to a repository. */
export function activityRoutes(parts: Parts): readonly Route[] {
  return [
    route({
      method: "get",
      path: `${root}/repositories/*repository/-/activity`,
      requires: { of: "repository", permission: "see tags" },
      summary: "The changes of a repository and its tags, the newest first",
      query: activityQuery,
      answer: activitySchema,
      handle: (request) => list(parts, request),
    }),
  ];
}

async function list(
  { catalog, policy, pager }: Parts,
  { ctx, session, repository, query }: HubRequest<z.output<typeof activityQuery>>,
): Promise<ActivityAnswer> {
  const { before, actor, action, page_size: limit } = query;
  const seeAccess = { of: "repository", permission: "see access" } as const;
  const decision = await policy.authorize(session, seeAccess, { repository });
  const page = await catalog.activity.page(repository, {
    ...{ before, actor, action, limit },
    withAccess: decision === "allowed",
  });
  const withAddress = isAdministrator(session);
  return {
    next: page.next === undefined ? null : pager.linkTo(ctx, "before", String(page.next)),
    results: page.entries.map((entry) => ({
      timestamp: timeOf(entry.atMs),
      actor: entry.actor,
      action: entry.action,
      tag: entry.tag ?? null,
      digest: entry.digest ?? null,
      data: { ...entry.data },
      address: withAddress ? entry.peer : null,
    })),
  };
}

/** An administrator with a password, or with an access token that may do everything. */
function isAdministrator(session: Session | undefined): boolean {
  if (session?.principal.kind !== "user" || !session.principal.isAdmin) return false;
  return session.principal.by === "password" || session.principal.scope === "repo:admin";
}
