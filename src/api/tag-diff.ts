import * as z from "zod";
import { diffFieldsAtMost, diffLayersAtMost } from "./limits.ts";
import { imageSchema } from "./tags.ts";

/* The difference of two images of a repository. Sizes are in bytes. */

export const diffQuery = z.object({
  from: z.string().max(512).describe("A tag or a digest."),
  to: z.string().max(512).describe("A tag or a digest."),
  platform: z.string().max(255).optional().describe("linux/arm64/v8"),
});

const compared = z.object({
  tag: z.string().nullable().describe("Null: the request has the digest."),
  digest: z.string(),
  size: z.int(),
  image: imageSchema,
});
const layers = z.array(z.object({ digest: z.string(), size: z.int() })).max(diffLayersAtMost);
const count = z.int();

export const diffSchema = z.object({
  from: compared,
  to: compared,
  layers: z.object({ shared: layers, added: layers, removed: layers }),
  layer_counts: z
    .object({ shared: count, added: count, removed: count })
    .describe("The number of all layers; the lists have the first 500."),
  size_change: z.int(),
  download_size: z
    .int()
    .describe("Bytes that a client with the first image downloads for the second."),
  config: z
    .array(z.object({ field: z.string(), from: z.unknown(), to: z.unknown() }))
    .max(diffFieldsAtMost),
  config_change_count: z.int().describe("The number of all changes; the list has the first 1000."),
});
export type TagDiffAnswer = z.output<typeof diffSchema>;
