import * as z from "zod";
import { pageFields, time } from "./fields.ts";
import { jobItemSchema } from "./jobs.ts";
import { largestRepositoriesAtMost, readOnlyReasonAtMost } from "./limits.ts";

/* A server as a whole: its parts, its maintenance, its signing keys and its open uploads. */

const sizes = z.object({ blobs: z.int(), bytes: z.int() });

export const overviewSchema = z.object({
  version: z.string(),
  node: z.string(),
  database: z.enum(["sqlite", "postgres"]),
  storage: z.enum(["filesystem", "memory", "s3"]),
  workers: z.int(),
  replicas: z
    .array(
      z.object({
        id: z.string(),
        host: z.string(),
        version: z.string(),
        started_at: time,
        seen_seconds_ago: z.int(),
      }),
    )
    .max(100)
    .describe("Empty with SQLite."),
  is_ready: z.boolean(),
  problems: z.record(z.string(), z.string()).describe("The parts that do not work, and why."),
  disk: z
    .object({ total: z.int(), free: z.int() })
    .nullable()
    .describe("Of the data folder; `null` if there is none."),
  sizes: sizes.describe("Of all distinct blobs."),
  largest: z
    .array(z.object({ name: z.string(), unique_bytes: z.int() }))
    .max(largestRepositoriesAtMost)
    .describe("The repositories with the most bytes that no other repository has."),
  pulls: z
    .object({ today: z.int(), yesterday: z.int() })
    .describe("Of all repositories, also of those that are deleted now. Days are in UTC."),
  pushes_24h: z.int().describe("Tags that were pushed; at most 10,000 are counted."),
  collection: z.object({
    last: jobItemSchema.nullable(),
    next_at: time.nullable(),
    waiting: sizes.describe("Blobs whose bytes are deleted after gc.deleteDelay."),
    next_frees: sizes
      .nullable()
      .describe(
        "Those of them whose delay ends before next_at: their bytes are deleted by then, most of them between two collections.",
      ),
    unreferenced: sizes
      .extend({
        more: z.boolean().describe("Only the first 10,000 candidates were checked."),
      })
      .describe(
        "Stored blobs that no manifest names: a collection finds them when their lease and gc.grace have ended.",
      ),
    last_dry_run: jobItemSchema.nullable(),
  }),
  scrub: z.object({ last: jobItemSchema.nullable(), next_at: time.nullable() }),
  warnings: z.array(z.object({ code: z.string(), message: z.string() })).max(20),
});
export type OverviewAnswer = z.output<typeof overviewSchema>;

export const collectionSchema = z.object({
  settings: z.object({
    interval_seconds: z.number(),
    lease_seconds: z.number(),
    grace_seconds: z.number(),
    delete_delay_seconds: z.number(),
    delete_untagged: z.boolean(),
  }),
  last: jobItemSchema.nullable().describe("The last one that has ended, without dry runs."),
  next_at: time.nullable(),
  waiting: sizes,
  waiting_until: time.nullable().describe("When the last bytes of them are deleted."),
  candidates: z
    .object({
      blobs: z.int(),
      blobs_until: time.nullable(),
      manifests: z.int(),
      manifests_until: time.nullable(),
    })
    .describe(
      "What may have lost its last use, and until when the collector has checked it. Without delete_untagged it checks no manifests.",
    ),
});
export type CollectionAnswer = z.output<typeof collectionSchema>;
export const startCollectionBody = z.object({
  dry_run: z.boolean().default(false).describe("Lists what would be deleted."),
  now: z.boolean().default(false).describe("Deletes bytes at once, not after gc.deleteDelay."),
});

export const scrubSchema = z.object({
  settings: z.object({ interval_seconds: z.number(), bytes_per_second: z.int() }),
  last: jobItemSchema.nullable(),
  next_at: time.nullable(),
});
export type ScrubAnswer = z.output<typeof scrubSchema>;
export const startScrubBody = z.object({
  bytes_per_second: z.int().min(0).optional().describe("0: no limit; default: that of scrub."),
});

export const keySchema = z.object({
  id: z.string(),
  algorithm: z.string(),
  created_at: time,
  ends_at: time.nullable().describe("When its last token expires; `null`: it signs."),
  state: z.enum(["signs", "verifies", "expired"]),
});
export const keyListSchema = z.object({ keys: z.array(keySchema).max(1000) });
export const createdKeySchema = keySchema.pick({ id: true, algorithm: true });
export const removeKeyQuery = z.object({
  force: z.enum(["true", "false"]).default("false").describe("Also while its tokens are valid."),
});
export type KeyAnswer = z.output<typeof keySchema>;

export const uploadListQuery = z.object(pageFields);
export const openUploadSchema = z.object({
  id: z.string(),
  repository: z.string(),
  size: z.int(),
  started_at: time,
  touched_at: time,
});
export type OpenUploadAnswer = z.output<typeof openUploadSchema>;

export const readOnlyBody = z.object({
  read_only: z.boolean(),
  reason: z.string().max(readOnlyReasonAtMost).default("").describe("For people, in each 503."),
});
export const readOnlySchema = z.object({
  read_only: z.boolean(),
  reason: z.string(),
  since: time.nullable(),
  changed_by: z.string().nullable().describe("`berth`: the command line."),
});
export type ReadOnlyAnswer = z.output<typeof readOnlySchema>;
