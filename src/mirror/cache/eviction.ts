import type { Database } from "../../database/database.ts";
import type { Digest } from "../../oci/digest.ts";
import type { LeasePolicy } from "../../registry/leases.ts";
import { deleteMarkedBlobs } from "../../registry/deleting-blobs.ts";
import type { BlobStore } from "../../../storage/blob-store.ts";
import type { ProcessRegistry } from "../pull/process-registry.ts";
import type { Counters } from "../counters.ts";
import type { Uses } from "./uses.ts";

/** Keeps the cached blobs of one mirror within `mirrors[].cacheSize`. */
export interface Eviction {
  /**
   * Evicts blobs until `sizeBytes` more bytes fit; call it before {@link added}. Never rejects: it reports an error,
   * and the call for the next blob tries again.
   */
  freeSpace(sizeBytes: number): Promise<void>;
  /** Adds the size of a new blob to the cached bytes. */
  added(sizeBytes: number): void;
  /** Evicts again after a read or a download ended, because a blob in use cannot be evicted. Never rejects. */
  settle(): Promise<void>;
}

/** Each eviction scans all blobs of the mirror, so it frees an extra 3 % of the limit. */
const spare = 0.03;
/**
 * The store keeps evicted bytes for `gc.deleteDelay`, unless one mirror has evicted more than this share of its cache
 * size. The early deletion covers only blobs that this process evicted from this mirror: another process may still send
 * other blobs, and a backup may copy them.
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
  /** Digests of the running downloads of this process. */
  readonly inFlight: () => readonly Digest[];
  readonly processRegistry: Pick<ProcessRegistry, "isOnlyProcess">;
  readonly report: (error: unknown) => void;
}): Eviction {
  const { namespace, budgetBytes, store, database, leasePolicy, uses, counters } = parts;
  /** Blobs that this process evicted and whose bytes are still in the store, by blob id. */
  const waiting = new Map<number, { readonly sizeBytes: number; readonly atMs: number }>();
  let heldBytes: number | undefined;
  let turn: Promise<void> = Promise.resolve();

  const removeBytes = async (beforeMs: number, only?: ReadonlySet<number>): Promise<void> => {
    const due = { deletableBeforeMs: () => beforeMs };
    const removal = { store, database, leasePolicy: due, ...(only !== undefined && { only }) };
    for await (const step of deleteMarkedBlobs(removal))
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
      const targetBytes = Math.max(0, budget - sizeBytes);
      // `heldBytes` does not include blobs that other processes download; only the database knows them.
      const isKnown = await parts.processRegistry.isOnlyProcess();
      if (heldBytes > targetBytes || !isKnown)
        await evict(budget, targetBytes, targetBytes - Math.min(targetBytes, budget * spare));
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
