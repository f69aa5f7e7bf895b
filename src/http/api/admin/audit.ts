import type { Readable } from "node:stream";
import type * as z from "zod";
import type { Accounts } from "../../../accounts/accounts.ts";
import {
  adminAuditQuery,
  adminAuditSchema,
  type AdminAuditAnswer,
} from "../../../api/administration.ts";
import { timeOf } from "../../../api/fields.ts";
import type { AuditEntry } from "../../../database/events/audit.ts";
import type { AuditPosition } from "../../../database/events/audit-log.ts";
import { auditCsv, wantsCsv } from "../../hub/audit/csv.ts";
import type { Pager } from "../../hub/pages.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import { root } from "../repositories.ts";
import type { Administration } from "./administration.ts";

interface Parts {
  readonly accounts: Pick<Accounts, "auditLog">;
  readonly administration: Pick<Administration, "settings">;
  readonly pager: Pager;
}

/** Rows that are read at once, and for one request: a filter that matches little must not read the whole log. */
const rowsAtOnce = 500;
const rowsAtMost = 10_000;

/** The route of the audit log of all accounts. */
export const adminAuditRoutes = (parts: Parts): readonly Route[] => [
  route({
    method: "get",
    path: `${root}/admin/audit`,
    requires: { of: "administrator" },
    summary: "The changes of all accounts and of the server, the newest first",
    query: adminAuditQuery,
    answer: adminAuditSchema,
    handle: (request) => list(parts, request),
  }),
];

async function list(
  { accounts: { auditLog }, administration, pager }: Parts,
  request: HubRequest<z.output<typeof adminAuditQuery>>,
): Promise<AdminAuditAnswer | Readable> {
  const { ctx, query, work } = request;
  const { page_size: size, account, actor, action, from, to, last, format } = query;
  const filter = {
    ...{ account, actor, action },
    fromMs: from === undefined ? undefined : Date.parse(from),
    toMs: to === undefined ? undefined : Date.parse(to),
  };
  if (wantsCsv(ctx, format))
    return auditCsv(request, auditLog, filter, { name: "berth", withAddress: true });
  const found: AuditEntry[] = [];
  let before = last === undefined ? undefined : positionOf(last);
  for (let read = 0; read < rowsAtMost; read += rowsAtOnce) {
    await work.step();
    const page = await auditLog.list(filter, { before, window: rowsAtOnce });
    found.push(...page.entries);
    before = page.last;
    if (before === undefined || found.length > size) break;
  }
  const results = found.slice(0, size);
  // Behind the last entry of this page, or behind the last row that was read.
  const end = found.length > size ? results.at(-1) : before;
  const { auditKeptMs } = administration.settings;
  return {
    results: results.map(presentEntry),
    next: end === undefined ? null : pager.linkTo(ctx, "last", `${end.atMs}-${end.id}`),
    kept_seconds: auditKeptMs === undefined ? null : auditKeptMs / 1_000,
  };
}

function positionOf(text: string): AuditPosition {
  const [atMs, id] = text.split("-").map(Number);
  return { atMs: atMs ?? 0, id: id ?? 0 };
}

const presentEntry = (entry: AuditEntry): AdminAuditAnswer["results"][number] => ({
  at: timeOf(entry.atMs),
  actor: entry.actor,
  account: entry.account,
  action: entry.action,
  subject: entry.subject,
  data: { ...entry.data },
  address: entry.peer,
});
