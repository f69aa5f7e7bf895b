import type { Database } from "../../database/database.ts";
import type { MirrorFetch, MirrorFetchBegun } from "../../database/mirror/fetches.ts";
import type { FetchReference } from "../../database/mirror/schema.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { hasEnded } from "./process-registry.ts";

/** A blob or manifest of a mirrored repository, as the key of a fetch lease. */
export interface FetchTarget {
  readonly repository: RepositoryName;
  readonly reference: FetchReference;
}

/** Fetch leases: one database row per running fetch names the process that owns it. */
export interface FetchLeases {
  find(fetchTarget: FetchTarget): Promise<MirrorFetch | undefined>;
  /** Whether the owner's process is not known to have ended, and its last heartbeat is at most 15 s old. */
  isAlive(fetch: MirrorFetch): boolean;
  /** Takes the lease, unless a live process owns it. `running` is the result of {@link find}. */
  begin(
    fetchTarget: FetchTarget,
    running: MirrorFetch | undefined,
    storageReference: string,
  ): Promise<MirrorFetchBegun>;
  /** Sends the heartbeat. `false`: another process has taken the lease. */
  touch(fetchTarget: FetchTarget, sizeBytes: number | null): Promise<boolean>;
  end(fetchTarget: FetchTarget): Promise<boolean>;
}

/** An owner without a heartbeat for 15 s counts as dead. */
const deadAfterMs = 15_000;

export function createFetchLeases(parts: {
  readonly database: Pick<Database, "mirrorFetches" | "run">;
  readonly processId: string;
  readonly clock: () => number;
}): FetchLeases {
  const { database, processId, clock } = parts;
  const isAlive = (fetch: MirrorFetch): boolean =>
    !hasEnded(fetch.owner, processId) && fetch.touchedAtMs >= clock() - deadAfterMs;

  return {
    find: (fetchTarget) => database.mirrorFetches.find(fetchTarget),
    isAlive,
    begin: (fetchTarget, running, storageReference) =>
      database.run("beginMirrorFetch", {
        ...{ ...fetchTarget, owner: processId, storageReference, nowMs: clock() },
        takesFrom: running !== undefined && !isAlive(running) ? running.owner : undefined,
      }),
    touch: (fetchTarget, sizeBytes) =>
      database.run("touchMirrorFetch", {
        ...fetchTarget,
        owner: processId,
        sizeBytes,
        nowMs: clock(),
      }),
    end: (fetchTarget) => database.run("endMirrorFetch", { ...fetchTarget, owner: processId }),
  };
}
