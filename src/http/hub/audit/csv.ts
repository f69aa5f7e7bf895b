import { Readable } from "node:stream";
import type { Context } from "koa";
import { auditCsvHead, auditCsvLine } from "../../../api/audit.ts";
import { timeOf } from "../../../api/fields.ts";
import { createYieldingWork } from "../../../concurrency/yielding-work.ts";
import type { AuditEntry } from "../../../database/events/audit.ts";
import type { AuditLogQuery, AuditPosition } from "../../../database/events/audit-log.ts";
import type { Database } from "../../../database/contract.ts";

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
 * client takes it.
 * @param name a part of the name of the file
 * @param withAddress whether the caller may see the addresses of clients
 */
export function auditCsv(
  ctx: Context,
  auditLog: Database["auditLog"],
  query: AuditLogQuery,
  { name, withAddress }: { readonly name: string; readonly withAddress: boolean },
): Readable {
  const day = timeOf(Date.now()).slice(0, 10);
  ctx.set("Content-Disposition", `attachment; filename="audit-${name}-${day}.csv"`);
  ctx.set("Content-Type", "text/csv; charset=utf-8");
  ctx.set("Cache-Control", "private, no-store");
  const body = Readable.from(textOf(auditLog, query, withAddress));
  // The status is sent already: only the end of the connection tells the client that the text is not whole.
  body.once("error", () => ctx.res.destroy());
  return body;
}

async function* textOf(
  auditLog: Database["auditLog"],
  query: AuditLogQuery,
  withAddress: boolean,
): AsyncGenerator<string> {
  const work = createYieldingWork(() => false);
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
