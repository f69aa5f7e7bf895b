import { timeOf, timeOrNull } from "../../api/fields.ts";
import { mirrorListAtMost, pinsAtMost, schedulesAtMost } from "../../api/limits.ts";
import type { MirrorAnswer, MirrorItemAnswer } from "../../api/mirrors.ts";
import type { MirrorReport, UpstreamHealth } from "../../mirror/administration.ts";
import type { Mirror } from "../../mirror/mirror.ts";
import { presentJob } from "./admin/jobs.ts";

/**
 * @param isConfigured the mirror is in the configuration
 * @param report `undefined`: the client is no administrator
 */
export function presentMirror(
  { settings: { namespace, upstream, visibility, root } }: Mirror,
  isConfigured: boolean,
  health: UpstreamHealth | undefined,
  report: MirrorReport | undefined,
): MirrorItemAnswer {
  return {
    namespace,
    upstream,
    is_private: visibility === "private",
    is_root: root,
    is_configured: isConfigured,
    health: presentHealth(health, report !== undefined),
    numbers: report === undefined ? null : presentNumbers(report),
  };
}

function presentHealth(
  health: UpstreamHealth | undefined,
  isReasonShown: boolean,
): MirrorItemAnswer["health"] {
  const { failure, limitedUntilMs, limit } = health ?? {};
  const until = limitedUntilMs ?? (limit?.remaining === 0 ? limit.endsAtMs : undefined);
  if (until !== undefined)
    return { state: "limited", until: timeOf(until), since: null, reason: null };
  if (failure === undefined) return { state: "ok", until: null, since: null, reason: null };
  const reason = isReasonShown ? failure.reason : null;
  return { state: "failing", until: null, since: timeOf(failure.sinceMs), reason };
}

function presentNumbers({ contents, counters, budgetBytes, limit, pins }: MirrorReport) {
  const { bytesServed, bytesFetched } = counters;
  return {
    blobs: contents.blobs,
    bytes: contents.bytes,
    cache_size: budgetBytes ?? null,
    hits: counters.hits,
    misses: counters.misses,
    stale: counters.stale,
    bytes_served: bytesServed,
    bytes_fetched: bytesFetched,
    bytes_saved: Math.max(0, bytesServed - bytesFetched),
    upstream_requests: counters.upstreamRequests,
    upstream_failures: counters.upstreamFailures,
    upstream_limited: counters.upstreamLimited,
    evicted_blobs: counters.evictedBlobs,
    evicted_bytes: counters.evictedBytes,
    upstream_limit: limit === undefined ? null : presentLimit(limit),
    pins: pins.length,
  };
}

const presentLimit = (limit: NonNullable<UpstreamHealth["limit"]>) => ({
  requests: limit.requests,
  remaining: limit.remaining,
  until: timeOf(limit.endsAtMs),
});

/** What only the answer for one mirror has, for administrators. */
export const presentDetails = ({ pins, schedules, contents }: MirrorReport) => ({
  pins: pins.slice(0, pinsAtMost),
  schedules: schedules.slice(0, schedulesAtMost).map((schedule) => ({
    name: schedule.name,
    cron: schedule.cron ?? null,
    last: schedule.last === undefined ? null : presentJob(schedule.last),
    next_at: timeOrNull(schedule.nextAtMs),
  })),
  evicted_next: contents.evictedNext.map((blob) => ({
    digest: blob.digest,
    size: blob.sizeBytes,
    repository: blob.repository,
    last_used: timeOf(blob.usedAtMs),
  })),
});

/** For administrators. */
export const presentSettings = ({ settings }: Mirror): MirrorAnswer["settings"] => ({
  username: settings.username ?? null,
  has_password: settings.password !== undefined,
  aliases: settings.aliases.slice(0, mirrorListAtMost),
  token_hosts: settings.tokenHosts.slice(0, mirrorListAtMost),
  allow: settings.allow.slice(0, mirrorListAtMost),
  deny: settings.deny.slice(0, mirrorListAtMost),
  tag_ttl: Math.round(settings.ttl.tag / 1_000),
  prefetch: settings.prefetch,
  allow_private_network: settings.allowPrivateNetwork,
  insecure: settings.tls.insecure,
  foreign_layer_hosts: settings.foreignLayerHosts.slice(0, mirrorListAtMost),
});
