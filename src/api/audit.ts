import * as z from "zod";
import { csvLine } from "./csv.ts";
import { anyTime, auditPageFields, time } from "./fields.ts";

/* The audit log of an account, and the form of both audit logs in CSV. */

export const auditFormat = z
  .enum(["json", "csv"])
  .optional()
  .describe("csv, or Accept: text/csv: all entries that match in CSV, without pages.");

const csvColumns = ["time", "actor", "account", "action", "subject", "data"];

/** The first line of the CSV, without its line break. */
export const auditCsvHead = (withAddress: boolean): string =>
  csvLine([...csvColumns, ...(withAddress ? ["address"] : [])]);

/** An entry as a line of CSV. `data` is JSON. */
export const auditCsvLine = (entry: {
  readonly at: string;
  readonly actor: string;
  readonly account: string;
  readonly action: string;
  readonly subject: string;
  readonly data: Readonly<Record<string, string>>;
  /** `undefined`: the line has no such column. */
  readonly address: string | undefined;
}): string =>
  csvLine([
    ...[entry.at, entry.actor, entry.account, entry.action, entry.subject],
    JSON.stringify(entry.data),
    ...(entry.address === undefined ? [] : [entry.address]),
  ]);

export const auditQuery = z.object({
  ...auditPageFields,
  action: z.string().max(100).optional(),
  name: z.string().max(400).optional(),
  actor: z.string().max(255).optional(),
  from: anyTime.optional(),
  to: anyTime.optional(),
  format: auditFormat,
});
export const auditLogSchema = z
  .object({
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
  })
  .meta({ alsoAs: "text/csv" });
export type AuditLogAnswer = z.output<typeof auditLogSchema>;
/** The actions of the log, by group. */
export const auditActionsSchema = z.object({
  actions: z.record(
    z.string(),
    z.object({
      label: z.string(),
      actions: z.array(z.object({ name: z.string(), description: z.string(), label: z.string() })),
    }),
  ),
});
export type AuditActionsAnswer = z.output<typeof auditActionsSchema>;
