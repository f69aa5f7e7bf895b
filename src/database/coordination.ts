import type { UploadRow } from "./registry/schema.ts";

/*
 * What several processes on one database agree on. It is in rows, and its times are those of the clock of the database.
 * A data folder with SQLite has one server, which decides in its memory.
 */

/** A process that serves requests. */
export interface Replica {
  /** Random, another one at each start. */
  readonly id: string;
  readonly host: string;
  /** The version of Berth. */
  readonly version: string;
}

export interface SeenReplica extends Replica {
  /** The newest migration that its program knows. */
  readonly schemaVersion: number;
  readonly startedAtMs: number;
  /** The time since its last row, by the clock of the database. */
  readonly unseenMs: number;
}

/** The result of a request for the lock of an upload. */
export type UploadHold =
  | {
      readonly state: "held";
      readonly row: UploadRow;
      /** The last lock has ended without a release: its process may still write to the upload. */
      readonly isTakenOver: boolean;
    }
  /** Another replica holds it, and now knows that it is wanted. */
  | { readonly state: "busy" }
  /** The upload has no row. */
  | { readonly state: "absent" };

/**
 * Each method is one statement, so that it needs no transaction. A call is repeated when its answer is lost, and then has
 * the same result, except that a run of a schedule may be left out.
 */
export interface Coordination {
  /** The time of the database's clock, in milliseconds since the epoch. */
  nowMs(): Promise<number>;

  /**
   * Runs `work` while no other process runs such work on this database. `work` may use the database; it must not take
   * longer than a minute.
   */
  runAlone<T>(work: () => Promise<T>): Promise<T>;

  /**
   * Records that a replica is alive, and deletes the rows of replicas that were not seen for 60 s. Resolves with the time
   * of the database.
   */
  seeReplica(replica: Replica): Promise<number>;
  listReplicas(): Promise<readonly SeenReplica[]>;
  forgetReplica(id: string): Promise<void>;

  /**
   * Takes or renews a lease for `forMs`, if it is free or has ended. Resolves with its term, which rises with each new
   * owner; `undefined`: another owner has it.
   */
  takeLease(name: string, owner: string, forMs: number): Promise<number | undefined>;
  /** Ends the lease, so that another owner can take it at once. */
  releaseLease(name: string, owner: string): Promise<void>;

  /** Records the run of a schedule. False: a replica has run it for this or a later time. */
  takeScheduleRun(name: string, atMs: number): Promise<boolean>;

  /**
   * The transactions of the database: all with a number below `oldest` have ended, and none that has begun to write has
   * `next` or a higher one.
   */
  transactions(): Promise<{ readonly oldest: number; readonly next: number }>;

  /** Takes the lock of an upload for 3 s, or for as long as it is renewed. */
  holdUpload(id: string, holder: string): Promise<UploadHold>;
  /**
   * Renews the locks of a replica for 3 s. Resolves with the uploads that it still holds, and for each whether another
   * replica wants it.
   */
  renewUploads(ids: readonly string[], holder: string): Promise<ReadonlyMap<string, boolean>>;
  /** Ends a lock. Everything that this process wrote before is durable when it resolves. */
  releaseUpload(id: string, holder: string): Promise<void>;
  isUploadHeld(id: string): Promise<boolean>;
}
