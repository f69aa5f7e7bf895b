import * as z from "zod";
import type { HubCatalog } from "../hub.ts";
import { route, type Route } from "../../route.ts";
import { auditPageQuery } from "../pages.ts";
import { time, timeOf } from "../times.ts";

/** The actions of the audit log, by group: `repo.tag.push` is `tag.push` of `repo`. */
const actions: Readonly<
  Record<string, { readonly label: string; readonly names: readonly string[] }>
> = {
  repo: {
    label: "Repositories",
    names: [
      ...["create", "update", "delete", "change_privacy", "immutable.tags.updated"],
      ...["tag.push", "tag.delete", "collaborator"],
    ],
  },
  org: {
    label: "Organisations",
    names: [
      ...["create", "delete", "member.add", "member.remove", "member.role.change"],
      ...["member.invite.send", "member.invite.accept", "member.invite.cancel"],
      ...["team.create", "team.update", "team.delete", "team.member.add", "team.member.remove"],
      ...["team.permission", "quota.set", "quota.remove"],
      ...["access_token.create", "access_token.update", "access_token.delete"],
    ],
  },
  user: {
    label: "Users",
    names: [
      ...["create", "delete", "password", "disable", "enable", "admin.grant", "admin.revoke"],
      ...["access_token.create", "access_token.update", "access_token.delete"],
    ],
  },
};

const moment = z.iso.datetime({ offset: true });
const requires = { of: "account" } as const;

export function auditRoutes({
  hub,
}: {
  readonly hub: Pick<HubCatalog, "accounts">;
}): readonly Route[] {
  return [
    route({
      method: "get",
      path: "/v2/auditlogs/:account",
      requires,
      summary: "What happened to an account and its repositories, the newest first",
      query: z.object({
        ...auditPageQuery,
        action: z.string().max(100).optional(),
        name: z.string().max(400).optional(),
        actor: z.string().max(255).optional(),
        from: moment.optional(),
        to: moment.optional(),
      }),
      answer: z.object({
        logs: z.array(
          z.object({
            account: z.string(),
            action: z.string(),
            name: z.string(),
            actor: z.string(),
            data: z.record(z.string(), z.string()),
            timestamp: time,
            action_description: z.string(),
          }),
        ),
      }),
      handle: async ({ namespace, query }) => {
        const { page, page_size: size, action, name, actor, from, to } = query;
        const entries = await hub.accounts.audit({
          account: namespace,
          subject: name,
          ...{ action, actor, skip: (page - 1) * size, limit: size },
          fromMs: from === undefined ? undefined : Date.parse(from),
          toMs: to === undefined ? undefined : Date.parse(to),
        });
        return {
          logs: entries.map((entry) => ({
            ...{ account: entry.account, action: entry.action, name: entry.subject },
            ...{ actor: entry.actor, data: { ...entry.data }, timestamp: timeOf(entry.atMs) },
            action_description: `${entry.actor || "somebody"}: ${entry.action} ${entry.subject}`,
          })),
        };
      },
    }),
    route({
      method: "get",
      path: "/v2/auditlogs/:account/actions",
      requires,
      summary: "The actions that the log knows",
      answer: z.object({
        actions: z.record(
          z.string(),
          z.object({
            label: z.string(),
            actions: z.array(
              z.object({ name: z.string(), description: z.string(), label: z.string() }),
            ),
          }),
        ),
      }),
      handle: async () => ({
        actions: Object.fromEntries(
          Object.entries(actions).map(([group, { label, names }]) => [
            group,
            {
              label,
              actions: names.map((name) => ({
                name,
                description: `${label}: ${name.replaceAll(/[._]/g, " ")}`,
                label: name.replaceAll(/[._]/g, " "),
              })),
            },
          ]),
        ),
      }),
    }),
  ];
}
