import type { BlobStore } from "../../../storage/blob-store.ts";
import type { Database } from "../../database/contract.ts";
import type { FetchTarget, MirrorFetch, MirrorFetchBegun } from "../../database/mirror/fetches.ts";
import type { MirrorProcesses } from "./mirror-processes.ts";

/** Which process runs which fetch: one database row per running fetch names the process that owns it. */
export interface FetchOwners {
  find(fetchTarget: FetchTarget): Promise<MirrorFetch | undefined>;
  /**
   * Whether the owner's process is not known to have ended, and its last heartbeat is at most 15 s old. After an absence
   * of the database every heartbeat is old: until 5 s after its end, the owner may send the next one.
   */
  isAlive(fetch: MirrorFetch): boolean;
  /** Makes this process the owner, unless a live process owns the fetch. `running` is the result of {@link find}. */
  takeOwnership(
    fetchTarget: FetchTarget,
    running: MirrorFetch | undefined,
    storageReference: string,
  ): Promise<MirrorFetchBegun>;
  /** Sends a heartbeat for an owned fetch every 2 s. Calls `lost` when another process has taken the fetch over. */
  hold(fetchTarget: FetchTarget, lost: () => void): OwnedFetch;
  end(fetchTarget: FetchTarget): Promise<boolean>;
}

interface OwnedFetch {
  /** Writes the size of the blob for other processes. */
  readonly sized: (sizeBytes: number) => Promise<void>;
  /** From now on the row may be deleted, without a call of `lost`. The heartbeats continue. */
  expectEnd(): void;
  /** Ends the heartbeats. */
  stop(): void;
  /** After {@link stop}: keeps the row, but tells the other processes at once that they may take the fetch over. */
  release(): Promise<void>;
}

const heartbeatMs = 2_000;
/** An owner without a heartbeat for 15 s counts as dead. */
const deadAfterMs = 15_000;
const aliveAfterFailureMs = 5_000;

export function createFetchOwners(parts: {
  readonly database: Pick<Database, "mirrorFetches" | "commands">;
  readonly processId: string;
  readonly mirrorProcesses: Pick<MirrorProcesses, "hasEnded">;
  readonly clock: () => number;
}): FetchOwners {
  const { database, processId, mirrorProcesses, clock } = parts;
  let failedAtMs = -Infinity;
  const isAlive = (fetch: MirrorFetch): boolean =>
    !mirrorProcesses.hasEnded(fetch.owner) &&
    (fetch.touchedAtMs >= clock() - deadAfterMs || failedAtMs > clock() - aliveAfterFailureMs);

  return {
    find: (fetchTarget) =>
      database.mirrorFetches.find(fetchTarget).catch((error: unknown) => {
        failedAtMs = clock();
        throw error;
      }),
    isAlive,
    takeOwnership: (fetchTarget, running, storageReference) =>
      database.commands.beginMirrorFetch({
        ...fetchTarget,
        owner: processId,
        storageReference,
        nowMs: clock(),
        takesFrom: running !== undefined && !isAlive(running) ? running : undefined,
      }),
    hold(fetchTarget, lost) {
      let size: number | null = null;
      let isLostUnexpected = true;
      let last: Promise<void> = Promise.resolve();
      const touchAt = async (nowMs: number): Promise<void> => {
        const heartbeat = { ...fetchTarget, owner: processId, sizeBytes: size, nowMs };
        const isOurs = await database.commands.touchMirrorFetch(heartbeat).catch(() => {
          failedAtMs = clock();
          return true;
        });
        if (!isOurs && isLostUnexpected) lost();
      };
      const touch = (): Promise<void> => (last = touchAt(clock()));
      const timer = setInterval(() => void touch(), heartbeatMs).unref();
      return {
        sized(sizeBytes) {
          size = sizeBytes;
          return touch();
        },
        expectEnd() {
          isLostUnexpected = false;
        },
        stop() {
          isLostUnexpected = false;
          clearInterval(timer);
        },
        async release() {
          // A heartbeat that is stored after this one would make the fetch alive again.
          await last;
          await touchAt(clock() - deadAfterMs - 1);
        },
      };
    },
    end: (fetchTarget) => database.commands.endMirrorFetch({ ...fetchTarget, owner: processId }),
  };
}

/** The bytes of a dead process's download stay for 1 hour, so that another request can continue it. */
const keptForMs = 60 * 60 * 1000;

/** Deletes the rows and uploads of downloads without a heartbeat for 1 hour. */
export async function deleteStaleDownloads(parts: {
  readonly store: Pick<BlobStore, "abort">;
  readonly database: Pick<Database, "mirrorFetches" | "commands">;
  readonly clock: () => number;
}): Promise<void> {
  const { store, database, clock } = parts;
  for (const fetch of await database.mirrorFetches.idleSince(clock() - keptForMs)) {
    const { repository, reference, owner, storageReference } = fetch;
    const isEnded = await database.commands.endMirrorFetch({ repository, reference, owner });
    if (isEnded && storageReference !== "") await store.abort(storageReference);
  }
}
