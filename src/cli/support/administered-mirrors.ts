import type { SyncStats } from "../../mirror/sync/jobs.ts";
import type { UpstreamHealth } from "../../mirror/administration.ts";
import { formatBytes, type Say } from "./output.ts";

/* What the commands for mirrors do, on a data folder or on a running server. */

/** A mirror in the output of `berth mirror status`. */
export interface MirrorStatus extends Pick<UpstreamHealth, "failure"> {
  readonly namespace: string;
  readonly upstream: string;
  readonly blobs: number;
  readonly bytes: number;
  readonly budgetBytes: number | undefined;
  readonly pins: readonly string[];
  readonly counters: Readonly<Record<string, number>>;
  readonly schedules: readonly {
    readonly name: string;
    readonly cron: string | undefined;
    readonly last: { readonly state: string; readonly endedAtMs: number | null } | undefined;
    readonly nextAtMs: number | undefined;
  }[];
}

/** The result of a copy, which has printed its failures and its sums. */
export interface Copied {
  readonly failed: readonly string[];
  readonly stats: Readonly<SyncStats>;
}

export interface AdministeredMirrors {
  readonly report: () => Promise<readonly MirrorStatus[]>;
  readonly warm: (
    image: string,
    options: { readonly platforms: readonly string[]; readonly referrers: boolean },
  ) => Promise<Copied>;
  /** False: the tag already had this state. */
  readonly pin: (image: string, isPinned: boolean) => Promise<boolean>;
  readonly purge: (image: string) => Promise<void>;
  readonly schedules: () => Promise<
    readonly { readonly run: (isDryRun: boolean) => Promise<Copied> }[]
  >;
}

export const sayFailed = (say: Say, what: string, reason: string): void =>
  say({ failed: what, message: reason }, `failed: ${what}: ${reason}`);

export function saySums(say: Say, name: string, stats: Readonly<SyncStats>): void {
  const { tags, newManifests, newBlobs, newBytes } = stats;
  say(
    { name, ...stats },
    `${name}: ${tags} tags; new: ${newManifests} manifests, ${newBlobs} blobs, ${formatBytes(newBytes)}`,
  );
}
