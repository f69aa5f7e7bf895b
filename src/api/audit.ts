import * as z from "zod";
import { anyTime, auditPageFields, time } from "./fields.ts";

/* The audit log of an account. */

export const auditQuery = z.object({
  ...auditPageFields,
  action: z.string().max(100).optional(),
  name: z.string().max(400).optional(),
  actor: z.string().max(255).optional(),
  from: anyTime.optional(),
  to: anyTime.optional(),
});
export const auditLogSchema = z.object({
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
});
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
