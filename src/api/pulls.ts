import * as z from "zod";
import { pushedTagsAtMost } from "./limits.ts";

/* Pulls and pushes per day in Berth's own API. */

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

/** `GET /api/berth/v1/repositories/NAME/-/pushes` */
export const pushesSchema = z.object({
  days: z
    .array(
      z.object({
        day: z.iso.date().describe("In UTC."),
        tag_count: z.int(),
        tags: z.array(z.string()).max(pushedTagsAtMost).describe("The newest 10."),
      }),
    )
    .max(Number(periods.at(-1)))
    .describe("The days with such tags, the newest first."),
  more: z.boolean().describe("The newest 10,000 tags are counted; there may be older ones."),
});
export type PushesAnswer = z.output<typeof pushesSchema>;
