import type { Database } from "../../database/database.ts";
import type { MirrorFetch, MirrorFetchBegun } from "../../database/mirror/fetches.ts";
import type { FetchReference } from "../../database/mirror/schema.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { hasEnded } from "./process-id.ts";

/** Something of a mirrored repository that can be fetched. */
export interface Claimed {
  readonly repository: RepositoryName;
  readonly reference: FetchReference;
}

/** Who of all processes on the database fetches what: one row for each fetch. */
export interface Claims {
  find(claimed: Claimed): Promise<MirrorFetch | undefined>;
  /** Whether the owner of a fetch is still at it, as far as can be known. */
  isAlive(fetch: MirrorFetch): boolean;
  /** Makes it ours, unless somebody else is at it. `running` is what {@link find} has said. */
  begin(
    claimed: Claimed,
    running: MirrorFetch | undefined,
    storageReference: string,
  ): Promise<MirrorFetchBegun>;
  /** Says that we are still at it. False: it is not ours any more. */
  touch(claimed: Claimed, sizeBytes: number | null): Promise<boolean>;
  end(claimed: Claimed): Promise<boolean>;
}

/** An owner of a fetch that was not heard of for so long is taken for dead. */
const deadAfterMs = 15_000;

export function createClaims(parts: {
  readonly database: Pick<Database, "mirrorFetches" | "run">;
  readonly owner: string;
  readonly clock: () => number;
}): Claims {
  const { database, owner, clock } = parts;
  const isAlive = (fetch: MirrorFetch): boolean =>
    !hasEnded(fetch.owner, owner) && fetch.touchedAtMs >= clock() - deadAfterMs;

  return {
    find: (claimed) => database.mirrorFetches.find(claimed),
    isAlive,
    begin: (claimed, running, storageReference) =>
      database.run("beginMirrorFetch", {
        ...{ ...claimed, owner, storageReference, nowMs: clock() },
        takesFrom: running !== undefined && !isAlive(running) ? running.owner : undefined,
      }),
    touch: (claimed, sizeBytes) =>
      database.run("touchMirrorFetch", { ...claimed, owner, sizeBytes, nowMs: clock() }),
    end: (claimed) => database.run("endMirrorFetch", { ...claimed, owner }),
  };
}
