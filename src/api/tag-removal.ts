import * as z from "zod";
import { deletedTagsAtMost } from "./limits.ts";
import { freedBytes } from "./tags.ts";

/* The deletion of several tags of a repository. */

const platformWords = z.array(z.string().max(100)).max(50).default([]);

/**
 * `POST /api/berth/v1/repositories/NAME/-/tag-deletions`. An unknown field is rejected: without it, a misspelled filter
 * would delete other tags.
 */
export const deleteTagsBody = z
  .strictObject({
    tags: z.array(z.string().max(128)).min(1).max(deletedTagsAtMost).optional(),
    matching: z.string().min(1).max(256).optional().describe("RE2 expression for the whole name."),
    keep: z
      .int()
      .min(0)
      .max(1_000_000)
      .default(0)
      .describe("With matching: the number of the newest matching tags that stay."),
    unused_for: z
      .int()
      .min(0)
      .max(36_500)
      .optional()
      .describe("With matching: days without a push and a pull."),
    filter: z.string().max(255).default("").describe("With matching: a part of the name."),
    os: platformWords.describe("With matching: tags with an image for one of these."),
    architecture: platformWords.describe("With matching: the same for architectures."),
    dry_run: z.boolean().default(false),
  })
  .refine(({ tags, matching }) => (tags === undefined) !== (matching === undefined), {
    message: "send either tags or matching",
  })
  .refine(
    ({ tags, keep, unused_for, ...filter }) =>
      tags === undefined ||
      (keep === 0 &&
        unused_for === undefined &&
        filter.filter === "" &&
        filter.os.length + filter.architecture.length === 0),
    { message: "keep, unused_for, filter, os and architecture need matching" },
  );
export const deletedTagsSchema = z.object({
  results: z
    .array(z.object({ name: z.string(), outcome: z.enum(["deleted", "immutable", "unknown"]) }))
    .max(deletedTagsAtMost),
  more: z.boolean().describe("More tags can be deleted: repeat the request."),
  selected: z
    .int()
    .describe("The number of all tags that are named or match, also of those behind results."),
  immutable: z.int().describe("How many of them are immutable and stay."),
  frees: freedBytes.describe("As frees of a tag, for the tags in results."),
  dry_run: z.boolean().describe("True: nothing was deleted."),
});
export type DeletedTagsAnswer = z.output<typeof deletedTagsSchema>;
