import * as z from "zod";
import { pageFields, time } from "./fields.ts";
import { findingsAtMost } from "./limits.ts";

/* Jobs: long work of a server, such as a collection. */

export const jobKinds = ["backup", "collection", "scrub", "retention", "warm", "sync"] as const;

export const jobListQuery = z.object({ ...pageFields, kind: z.enum(jobKinds).optional() });

export const jobItemSchema = z.object({
  id: z.string(),
  kind: z.enum(jobKinds),
  subject: z
    .string()
    .describe(
      "An image or a schedule of a mirror, the repository or namespace of a retention run; otherwise empty.",
    ),
  dry_run: z.boolean(),
  actor: z.string().describe("The account that started it; `berth` is the timer of the server."),
  state: z.enum(["running", "done", "failed", "canceled"]),
  started_at: time,
  ended_at: time.nullable(),
  counts: z.record(z.string(), z.number()).describe("What it has done so far, by name."),
  reason: z.string().nullable().describe("Why it failed."),
});

/** One thing that a job found or did. */
const findingSchema = z.object({
  kind: z.string(),
  subject: z.string().nullable().describe("A repository, an image, or the key of a file."),
  digest: z.string().nullable(),
  size: z.int().nullable(),
  message: z.string().nullable(),
});
export const jobSchema = jobItemSchema.extend({
  findings: z
    .array(findingSchema)
    .max(findingsAtMost)
    .describe(`The first ${findingsAtMost}, when the job has ended.`),
});
export type JobItemAnswer = z.output<typeof jobItemSchema>;
export type JobAnswer = z.output<typeof jobSchema>;
export type FindingAnswer = z.output<typeof findingSchema>;
