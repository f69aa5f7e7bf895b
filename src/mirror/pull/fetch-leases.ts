import type { Database } from "../../database/database.ts";
import type { MirrorFetch, MirrorFetchBegun } from "../../database/mirror/fetches.ts";
import type { FetchReference } from "../../database/mirror/schema.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { hasEnded } from "./process-id.ts";

/** Something of a mirrored repository that can be fetched. */
export interface FetchTarget {
  readonly repository: RepositoryName;
  readonly reference: FetchReference;
}

/** Who of all processes on the database fetches what: one row for each fetch. */
export interface FetchLeases {
  find(fetchTarget: FetchTarget): Promise<MirrorFetch | undefined>;
  /** Whether the owner of a fetch is still at it, as far as can be known. */
  isAlive(fetch: MirrorFetch): boolean;
  /** Makes it ours, unless somebody else is at it. `running` is what {@link find} has said. */
  begin(
    fetchTarget: FetchTarget,
    running: MirrorFetch | undefined,
    storageReference: string,
  ): Promise<MirrorFetchBegun>;
  /** Says that we are still at it. False: it is not ours any more. */
  touch(fetchTarget: FetchTarget, sizeBytes: number | null): Promise<boolean>;
  end(fetchTarget: FetchTarget): Promise<boolean>;
}

/** An owner of a fetch that was not heard of for so long is taken for dead. */
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
