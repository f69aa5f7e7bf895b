import type { Database } from "../../database/database.ts";
import type { Digest } from "../../oci/digest.ts";
import type { LeasePolicy } from "../../registry/leases.ts";
import { deleteMarked } from "../../maintenance/collector.ts";
import type { BlobStore } from "../../../storage/blob-store.ts";
import type { ProcessRegistry } from "../pull/process-registry.ts";
import type { Counters } from "../counters.ts";
import type { Uses } from "./uses.ts";

/** Keeps a mirror within its budget. */
export interface Eviction {
  /** Makes room for so many bytes, before they count. Never fails: what can't be freed now is tried again with the next blob. */
  freeSpace(sizeBytes: number): Promise<void>;
  /** Bytes that are here now, on top of those that were. */
  added(sizeBytes: number): void;
  /** Something is no longer read or brought in: what had to stay for it may go now. Never fails. */
  settle(): Promise<void>;
}

/** To find out what has to go costs a look at all that is there: so a little more goes at once. */
const spare = 0.03;
/**
 * Evicted bytes stay for `gc.deleteDelay`, unless those of one mirror come to more than this share of its budget. Bytes of
 * other repositories always stay: another process may be sending them, and a backup may be copying them.
 */
const waitingShare = 0.1;

export function createEviction(parts: {
  readonly namespace: string;
  readonly budgetBytes: number | undefined;
  readonly store: BlobStore;
  readonly database: Pick<Database, "run" | "mirrorUses" | "collection">;
  readonly leasePolicy: LeasePolicy;
  readonly uses: Uses;
  readonly counters: Counters;
  /** Being brought in, or just so. */
  readonly inFlight: () => readonly Digest[];
  readonly processRegistry: Pick<ProcessRegistry, "isOnlyProcess">;
  readonly report: (error: unknown) => void;
}): Eviction {
  const { namespace, budgetBytes, store, database, leasePolicy, uses, counters } = parts;
  /** What this process has evicted, by id of the blob, while its bytes are still in the store. */
  const waiting = new Map<number, { readonly sizeBytes: number; readonly atMs: number }>();
  let heldBytes: number | undefined;
  let turn: Promise<void> = Promise.resolve();

  const removeBytes = async (beforeMs: number, only?: ReadonlySet<number>): Promise<void> => {
    const due = { deletableBeforeMs: () => beforeMs };
    const removal = { store, database, leasePolicy: due, ...(only !== undefined && { only }) };
    for await (const step of deleteMarked(removal))
      if (step.kind === "failed") parts.report(step.error);
  };

  const evict = async (budget: number, ifOverBytes: number, leaveBytes: number): Promise<void> => {
    await uses.flush();
    const except = [...uses.held(), ...parts.inFlight()];
    const range = { ifOverBytes, leaveBytes };
    const { nowMs } = leasePolicy.change();
    const input = { namespace, ...range, except, nowMs };
    const { evicted, leftBytes } = await database.run("evictMirrorBlobs", input);
    heldBytes = leftBytes;
    if (evicted.length === 0) return;
    counters.add("evictedBlobs", evicted.length);
    counters.add("evictedBytes", sumOf(evicted));
    for (const { id, sizeBytes } of evicted) waiting.set(id, { sizeBytes, atMs: nowMs });
    await removeBytes(leasePolicy.deletableBeforeMs());
    for (const [id, { atMs }] of waiting)
      if (atMs <= leasePolicy.deletableBeforeMs()) waiting.delete(id);
    if (sumOf(waiting.values()) <= budget * waitingShare) return;
    await removeBytes(nowMs, new Set(waiting.keys()));
    waiting.clear();
  };

  const freeSpace = async (sizeBytes: number, budget: number): Promise<void> => {
    try {
      heldBytes ??= (await database.mirrorUses.stock(namespace)).bytes;
      const room = Math.max(0, budget - sizeBytes);
      // What others have brought meanwhile is known to the database alone.
      const isKnown = await parts.processRegistry.isOnlyProcess();
      if (heldBytes > room || !isKnown)
        await evict(budget, room, room - Math.min(room, budget * spare));
    } catch (error) {
      parts.report(error);
    }
  };

  return {
    async freeSpace(sizeBytes) {
      if (budgetBytes === undefined) return;
      turn = turn.then(() => freeSpace(sizeBytes, budgetBytes));
      await turn;
    },
    added(sizeBytes) {
      if (heldBytes !== undefined) heldBytes += sizeBytes;
    },
    async settle() {
      if (budgetBytes === undefined || heldBytes === undefined || heldBytes <= budgetBytes) return;
      turn = turn.then(() => freeSpace(0, budgetBytes));
      await turn;
    },
  };
}

function sumOf(blobs: Iterable<{ readonly sizeBytes: number }>): number {
  let bytes = 0;
  for (const { sizeBytes } of blobs) bytes += sizeBytes;
  return bytes;
}
