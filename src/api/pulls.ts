import * as z from "zod";

/* Pulls per day in Berth's own API. */

const periods = ["30", "90", "365"] as const;

/** `GET /api/berth/v1/namespaces/NS/pulls` */
export const namespacePullsQuery = z.object({
  days: z.enum(periods).default("30").transform(Number),
});
/** `GET /api/berth/v1/repositories/NAME/-/pulls` */
export const pullsQuery = namespacePullsQuery.extend({
  tag: z.string().max(128).optional().describe("Only the pulls of this tag."),
});
export const pullsSchema = z.object({
  days: z
    .array(z.object({ day: z.iso.date().describe("In UTC."), pulls: z.int() }))
    .max(Number(periods.at(-1)))
    .describe("One entry per day, the last one is today."),
});
export type PullsAnswer = z.output<typeof pullsSchema>;
