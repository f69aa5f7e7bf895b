import * as z from "zod";
import { auditPageFields, time } from "./fields.ts";

/* What happened to a repository. */

export const activityQuery = z.object({
  page_size: auditPageFields.page_size,
  before: z.coerce
    .number()
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .describe("From `next` of the previous page."),
  actor: z.string().max(255).optional().describe("Only changes by this account."),
  action: z
    .string()
    .max(100)
    .optional()
    .describe("Only this action or group: `repo.tag`, `repo.tag.push`."),
});
export const activitySchema = z.object({
  /** `null`: the last page. A page may have fewer results than `page_size`, and still a next page. */
  next: z.url().nullable(),
  results: z.array(
    z.object({
      timestamp: time,
      /** Empty: an anonymous client. */
      actor: z.string(),
      action: z.string(),
      /** The tag or the digest that changed; `null`: the repository. */
      tag: z.string().nullable(),
      digest: z.string().nullable(),
      /** Details of the action, such as the digest of a push. */
      data: z.record(z.string(), z.string()),
      /** Of the client; `null` unless the caller is an administrator. */
      address: z.string().nullable(),
    }),
  ),
});
export type ActivityAnswer = z.output<typeof activitySchema>;
