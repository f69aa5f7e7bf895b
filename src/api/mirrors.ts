import * as z from "zod";
import { time } from "./fields.ts";
import { jobItemSchema } from "./jobs.ts";
import { evictedNextAtMost, mirrorListAtMost, pinsAtMost, schedulesAtMost } from "./limits.ts";

/* Mirrors of other registries. */

const healthSchema = z.object({
  state: z
    .enum(["ok", "limited", "failing"])
    .describe("`limited`: the upstream refuses requests; `failing`: cached copies are served."),
  until: time.nullable().describe("When a limit ends."),
  since: time.nullable().describe("When the upstream began to fail."),
  reason: z.string().nullable().describe("Why it fails, for administrators."),
});

const limitSchema = z.object({ requests: z.int(), remaining: z.int(), until: time });

/** The figures of a mirror since its data folder was created. */
const numbersSchema = z.object({
  blobs: z.int(),
  bytes: z.int().describe("Of the blobs that no other namespace has."),
  cache_size: z.int().nullable().describe("`mirrors[].cacheSize`; `null`: no limit."),
  hits: z.int(),
  misses: z.int(),
  stale: z.int(),
  bytes_served: z.int(),
  bytes_fetched: z.int(),
  bytes_saved: z.int().describe("Bytes that clients got and the upstream did not send."),
  upstream_requests: z.int(),
  upstream_failures: z.int(),
  upstream_limited: z.int(),
  evicted_blobs: z.int(),
  evicted_bytes: z.int(),
  upstream_limit: limitSchema
    .nullable()
    .describe("The upstream's limit of requests, if it has told one that is still valid."),
  pins: z.int(),
});

export const mirrorItemSchema = z.object({
  namespace: z.string(),
  upstream: z.string(),
  is_private: z.boolean(),
  is_root: z.boolean().describe("It answers for names that this registry does not host."),
  is_configured: z
    .boolean()
    .describe("It is in the configuration, so that the API cannot change its settings."),
  health: healthSchema,
  numbers: numbersSchema.nullable().describe("For administrators."),
});

export const mirrorScheduleSchema = z.object({
  name: z.string(),
  cron: z.string().nullable(),
  last: jobItemSchema.nullable().describe("The last run that has ended."),
  next_at: time.nullable(),
});

const detailsSchema = z.object({
  pins: z.array(z.string()).max(pinsAtMost),
  schedules: z.array(mirrorScheduleSchema).max(schedulesAtMost),
  evicted_next: z
    .array(
      z.object({
        digest: z.string(),
        size: z.int(),
        repository: z.string().describe("One of the repositories that have the blob."),
        last_used: time,
      }),
    )
    .max(evictedNextAtMost)
    .describe("The blobs that are evicted next, the first one first."),
});

const listOf = (item: z.ZodString) => z.array(item).max(mirrorListAtMost);

/** The settings of a mirror that the API can change; never the password. Each is described in docs/configuration.md. */
const settingsSchema = z.object({
  username: z.string().nullable(),
  has_password: z.boolean(),
  aliases: listOf(z.string()),
  token_hosts: listOf(z.string()),
  allow: listOf(z.string()),
  deny: listOf(z.string()),
  tag_ttl: z.int().describe("Seconds, rounded."),
  prefetch: z.int(),
  allow_private_network: z.boolean(),
  insecure: z.boolean(),
  foreign_layer_hosts: listOf(z.string()),
});

export const mirrorSchema = mirrorItemSchema.extend({
  details: detailsSchema.nullable().describe("For administrators."),
  settings: settingsSchema.nullable().describe("For administrators."),
});
export type MirrorItemAnswer = z.output<typeof mirrorItemSchema>;
export type MirrorAnswer = z.output<typeof mirrorSchema>;

const hosts = listOf(z.string().min(1).max(255)).describe("`HOST` or `HOST:PORT`.");
const globs = listOf(z.string().min(1).max(255)).describe(
  "Globs with at most 3 wildcards or braces, such as `library/*`.",
);
const upstream = z
  .string()
  .min(1)
  .max(2_000)
  .describe("The URL of the registry: `https://ghcr.io`.");

/** `null` removes a setting. */
const givenSettings = {
  username: z.string().min(1).max(300).nullable().optional(),
  password: z.string().min(1).max(10_000).nullable().optional().describe("It is never answered."),
  is_private: z.boolean().optional().describe("The default is `true`."),
  is_root: z.boolean().optional(),
  aliases: hosts.optional(),
  token_hosts: hosts.optional(),
  allow: globs.optional(),
  deny: globs.optional(),
  tag_ttl: z.int().min(0).max(31_536_000).nullable().optional().describe("Seconds."),
  cache_size: z.int().min(1).nullable().optional().describe("Bytes; `null`: no limit."),
  prefetch: z.int().min(0).max(100).optional(),
  allow_private_network: z.boolean().optional(),
  insecure: z.boolean().optional().describe("Do not verify the certificate of the upstream."),
  foreign_layer_hosts: hosts.optional(),
};
export const mirrorChangesBody = z.object({ upstream: upstream.optional(), ...givenSettings });
export const newMirrorBody = z.object({
  namespace: z.string().min(1).max(100).describe("Usually the host: `ghcr.io`."),
  upstream,
  ...givenSettings,
});
export type MirrorChanges = z.output<typeof mirrorChangesBody>;
export type NewMirror = z.output<typeof newMirrorBody>;

const image = z
  .string()
  .min(1)
  .max(400)
  .describe("Of this mirror: `library/alpine:3.20`; without a tag `latest`.");

export const mirrorImageBody = z.object({ image });
export const warmBody = z.object({
  image,
  platforms: z.array(z.string().max(100)).max(20).default([]).describe("`os/architecture`."),
  referrers: z.boolean().default(false),
});
export const purgeBody = z.object({
  image: z.string().min(1).max(400).describe("A tag, or without a tag the repository."),
});
export const syncBody = z.object({
  schedule: z.string().max(800).describe("The name of a schedule."),
  dry_run: z.boolean().default(false),
});
export const pinSchema = z.object({
  image: z.string(),
  pinned: z.boolean(),
  changed: z.boolean(),
});
