import type { Readable } from "node:stream";
import type * as z from "zod";
import type { Accounts } from "../../../accounts/accounts.ts";
import { auditActionsSchema, auditLogSchema, auditQuery } from "../../../api/audit.ts";
import { timeOf } from "../../../api/fields.ts";
import { auditActions } from "../../../database/events/audit.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import type { HubCatalog } from "../hub.ts";
import { auditCsv, wantsCsv } from "./csv.ts";

interface Parts {
  readonly hub: Pick<HubCatalog, "accounts">;
  readonly accounts: Pick<Accounts, "auditLog">;
}

const requires = { of: "account" } as const;

/** Routes of the audit log of an account. */
export function auditRoutes(parts: Parts): readonly Route[] {
  return [
    route({
      method: "get",
      path: "/v2/auditlogs/:account",
      requires,
      summary: "The changes of an account and its repositories, the newest first",
      query: auditQuery,
      answer: auditLogSchema,
      handle: (request) => list(parts, request),
    }),
    route({
      method: "get",
      path: "/v2/auditlogs/:account/actions",
      requires,
      summary: "The actions of the audit log",
      answer: auditActionsSchema,
      handle: () => ({ actions: Object.fromEntries(groups.map((name) => [name, group(name)])) }),
    }),
  ];
}

async function list(
  { hub, accounts: { auditLog } }: Parts,
  request: HubRequest<z.output<typeof auditQuery>>,
): Promise<z.input<typeof auditLogSchema> | Readable> {
  const { namespace } = request;
  const { page, page_size: size, action, name, actor, from, to, format } = request.query;
  const filter = {
    ...{ account: namespace, subject: name, action, actor },
    fromMs: from === undefined ? undefined : Date.parse(from),
    toMs: to === undefined ? undefined : Date.parse(to),
  };
  if (wantsCsv(request.ctx, format)) {
    const wanted = await hub.accounts.auditQuery(filter);
    return auditCsv(request, auditLog, wanted, { name: namespace, withAddress: false });
  }
  const entries = await hub.accounts.audit({ ...filter, skip: (page - 1) * size, limit: size });
  return {
    logs: entries.map((entry) => ({
      account: entry.account,
      action: entry.action,
      name: entry.subject,
      actor: entry.actor,
      data: { ...entry.data },
      timestamp: timeOf(entry.atMs),
      action_description: `${entry.actor || "anonymous"}: ${entry.action} ${entry.subject}`,
    })),
  };
}

const labels = {
  repo: "Repositories",
  org: "Organisations",
  user: "Users",
  mirror: "Mirrors",
  server: "Server",
} as const;
const groups = Object.keys(labels) as (keyof typeof labels)[];

/** The actions of a group without its prefix: `tag.push` of `repo` for `repo.tag.push`. */
function group(prefix: keyof typeof labels) {
  const label = labels[prefix];
  const names = auditActions
    .filter((action) => action.startsWith(`${prefix}.`))
    .map((action) => action.slice(prefix.length + 1));
  return {
    label,
    actions: names.map((name) => {
      const words = name.replaceAll(/[._]/g, " ");
      return { name, description: `${label}: ${words}`, label: words };
    }),
  };
}
