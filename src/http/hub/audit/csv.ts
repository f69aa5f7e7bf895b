import { Readable } from "node:stream";
import type { Context } from "koa";
import { auditCsvHead, auditCsvLine } from "../../../api/audit.ts";
import { timeOf } from "../../../api/fields.ts";
import type { YieldingWork } from "../../../concurrency/yielding-work.ts";
import type { AuditEntry } from "../../../database/events/audit.ts";
import type { AuditLogQuery, AuditPosition } from "../../../database/events/audit-log.ts";
import type { Database } from "../../../database/contract.ts";
import type { HubRequest } from "../../route.ts";

/** Whether the client wants CSV: by the parameter `format`, or else by `Accept`. */
export function wantsCsv(ctx: Context, format: "json" | "csv" | undefined): boolean {
  ctx.vary("Accept");
  if (format !== undefined) return format === "csv";
  return ctx.accepts("application/json", "text/csv") === "text/csv";
}

/** Rows that are read and sent at once: memory does not depend on the length of the log. */
const rowsAtOnce = 500;

/**
 * The body of an answer with all entries that match, the newest first, as CSV. It is read from the database while the
 * client takes it. After the client has disconnected, it is not read further: of a filter that matches little, the next
 * text may be millions of rows away.
 * @param name a part of the name of the file
 * @param withAddress whether the caller may see the addresses of clients
 */
export function auditCsv(
  { ctx, work }: Pick<HubRequest, "ctx" | "work">,
  auditLog: Database["auditLog"],
  query: AuditLogQuery,
  { name, withAddress }: { readonly name: string; readonly withAddress: boolean },
): Readable {
  const day = timeOf(Date.now()).slice(0, 10);
  // The name is text of the request, and a header takes only some characters.
  const file = `audit-${name.replaceAll(/[^\w.-]+/g, "_")}-${day}.csv`;
  ctx.set("Content-Disposition", `attachment; filename="${file}"`);
  ctx.set("Content-Type", "text/csv; charset=utf-8");
  ctx.set("Cache-Control", "private, no-store");
  const body = Readable.from(textOf(auditLog, query, withAddress, work));
  // The status is sent already: only the end of the connection tells the client that the text is not whole.
  body.once("error", () => ctx.res.destroy());
  return body;
}

async function* textOf(
  auditLog: Database["auditLog"],
  query: AuditLogQuery,
  withAddress: boolean,
  work: YieldingWork,
): AsyncGenerator<string> {
  yield `${auditCsvHead(withAddress)}\r\n`;
  for (let before: AuditPosition | undefined; ;) {
    await work.step();
    const page = await auditLog.list(query, { before, window: rowsAtOnce });
    if (page.entries.length > 0) yield linesOf(page.entries, withAddress);
    if (page.last === undefined) return;
    before = page.last;
  }
}

const linesOf = (entries: readonly AuditEntry[], withAddress: boolean): string =>
  entries
    .map(({ atMs, peer, ...entry }) => {
      const address = withAddress ? peer : undefined;
      return `${auditCsvLine({ ...entry, at: timeOf(atMs), address })}\r\n`;
    })
    .join("");
