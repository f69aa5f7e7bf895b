import type { Coordination, Replica, SeenReplica } from "../../src/database/coordination.ts";
import type { UploadRow } from "../../src/database/registry/schema.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";

/** A coordination in memory, whose clock a test sets and which a test can cut off. */
export class CoordinationInMemory implements Coordination {
  clockMs = 1_000_000;
  /** Every call rejects. */
  isAway = false;
  readonly uploads = new Map<string, { holder?: string; heldUntilMs: number; wanted: boolean }>();
  readonly #replicas = new Map<string, Omit<SeenReplica, "unseenMs"> & { seenAtMs: number }>();
  readonly #leases = new Map<string, { owner: string; untilMs: number; term: number }>();
  readonly #runs = new Map<string, number>();
  #last: Promise<unknown> = Promise.resolve();

  async nowMs(): Promise<number> {
    if (this.isAway) throw new Error("the database is away");
    return this.clockMs;
  }

  runAlone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async seeReplica(replica: Replica): Promise<number> {
    const seenAtMs = await this.nowMs();
    const { startedAtMs = seenAtMs } = this.#replicas.get(replica.id) ?? {};
    this.#replicas.set(replica.id, { ...replica, schemaVersion: 1, startedAtMs, seenAtMs });
    return seenAtMs;
  }

  async listReplicas(): Promise<readonly SeenReplica[]> {
    const nowMs = await this.nowMs();
    return [...this.#replicas.values()].map(({ seenAtMs, ...replica }) => ({
      ...replica,
      unseenMs: nowMs - seenAtMs,
    }));
  }

  async forgetReplica(id: string): Promise<void> {
    await this.nowMs();
    this.#replicas.delete(id);
  }

  async takeLease(name: string, owner: string, forMs: number): Promise<number | undefined> {
    const nowMs = await this.nowMs();
    const old = this.#leases.get(name) ?? { owner, untilMs: 0, term: 1 };
    if (old.owner !== owner && old.untilMs >= nowMs) return undefined;
    const term = old.owner === owner ? old.term : old.term + 1;
    this.#leases.set(name, { owner, untilMs: nowMs + forMs, term });
    return term;
  }

  async releaseLease(name: string, owner: string): Promise<void> {
    await this.nowMs();
    const lease = this.#leases.get(name);
    if (lease?.owner === owner) lease.untilMs = 0;
  }

  async takeScheduleRun(name: string, atMs: number): Promise<boolean> {
    if ((this.#runs.get(name) ?? -1) >= atMs) return false;
    this.#runs.set(name, atMs);
    return true;
  }

  async transactions() {
    await this.nowMs();
    return { oldest: 1, next: 1 };
  }

  async holdUpload(id: string, holder: string) {
    const nowMs = await this.nowMs();
    const upload = this.uploads.get(id);
    if (upload === undefined) return { state: "absent" } as const;
    const isFree = upload.holder === undefined || upload.heldUntilMs < nowMs;
    if (!isFree && upload.holder !== holder) {
      upload.wanted = true;
      return { state: "busy" } as const;
    }
    const isTakenOver = upload.holder !== undefined;
    Object.assign(upload, { holder, heldUntilMs: nowMs + 3_000, wanted: false });
    return { state: "held", row: rowOf(id), isTakenOver } as const;
  }

  async renewUploads(ids: readonly string[], holder: string) {
    const nowMs = await this.nowMs();
    const renewed = new Map<string, boolean>();
    for (const id of ids) {
      const upload = this.uploads.get(id);
      if (upload?.holder !== holder) continue;
      upload.heldUntilMs = nowMs + 3_000;
      renewed.set(id, upload.wanted);
    }
    return renewed;
  }

  async releaseUpload(id: string, holder: string): Promise<void> {
    await this.nowMs();
    const upload = this.uploads.get(id);
    if (upload?.holder !== holder) return;
    delete upload.holder;
    upload.wanted = false;
  }

  async isUploadHeld(id: string): Promise<boolean> {
    const upload = this.uploads.get(id);
    return upload?.holder !== undefined && upload.heldUntilMs >= (await this.nowMs());
  }
}

const rowOf = (id: string): UploadRow => ({
  id,
  repository: parseRepositoryName("team/app"),
  storage_reference: "a reference",
  started_at: 0,
  touched_at: 0,
  account_id: null,
  held_until: 1,
});
