import type { Actor } from "../database/permissions/authority.ts";
import type { Database } from "../database/contract.ts";
import type { PushRules } from "../database/registry/repository-creation.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";
import { windowOf, type Listing, type NumberedPage } from "../oci/page.ts";
import type { Clock } from "./leases.ts";

export interface Use {
  readonly namespace: string;
  readonly usedBytes: number;
  /** `null`: no limit. */
  readonly limitBytes: number | null;
  /** True if the namespace has its own limit, false if the configuration sets it. */
  readonly isOwn: boolean;
}

export type Quotas = ReturnType<typeof createQuotas>;

type QuotaDatabase = Pick<Database, "quotas" | "repositories" | "storageUsage" | "commands">;

export function createQuotas(parts: {
  readonly database: QuotaDatabase;
  readonly clock: Clock;
  readonly rules: Pick<PushRules, "defaultQuotaBytes">;
}) {
  const { database, clock, rules } = parts;

  return {
    /** All namespaces that have repositories or their own quota, in order. */
    async list(): Promise<readonly Use[]> {
      const rows = await database.quotas.list();
      return rows.map(({ namespace, usedBytes, limitBytes }) => ({
        namespace,
        usedBytes,
        limitBytes: limitBytes ?? rules.defaultQuotaBytes,
        isOwn: limitBytes !== null,
      }));
    },

    /**
     * A page of {@link list}. The bytes of a namespace without a row are counted in steps.
     * Rejects if the client disconnects.
     */
    async page(wanted: NumberedPage, work: YieldingWork): Promise<Listing<Use>> {
      const { count, items } = await database.quotas.page(windowOf(wanted));
      const uses: Use[] = [];
      for (const { namespace, usedBytes, limitBytes } of items)
        uses.push({
          namespace,
          usedBytes: usedBytes ?? (await countBytes(database, namespace, work)),
          limitBytes: limitBytes ?? rules.defaultQuotaBytes,
          isOwn: limitBytes !== null,
        });
      return { count, items: uses };
    },

    /** The quota of a namespace; `undefined`: it has no limit, and its bytes are not counted. */
    async find(namespace: string): Promise<Use | undefined> {
      const row = await database.quotas.find(namespace);
      if (row === undefined) return undefined;
      const { usedBytes, limitBytes } = row;
      const limit = limitBytes ?? rules.defaultQuotaBytes;
      return { namespace, usedBytes, limitBytes: limit, isOwn: limitBytes !== null };
    },

    /** Sets the quota of a namespace, even below its current usage. Resolves with the usage in bytes. */
    async set(actor: Actor, namespace: string, limitBytes: number): Promise<number> {
      const set = { actor, namespace, limitBytes, nowMs: clock() };
      return (await database.commands.setQuota(set)).usedBytes;
    },

    /**
     * Removes the namespace's own quota, so that the configuration applies. False if the namespace had no own quota.
     */
    remove: (actor: Actor, namespace: string): Promise<boolean> =>
      database.commands.removeQuota({ actor, namespace, nowMs: clock() }),
  };
}

const rowsAtOnce = 500;
/** Repositories whose content is read together, unless they have more rows: 10,000 take 10 ms. */
const repositoriesAtOnce = 100;
const contentRowsAtMost = 10_000;

/** The bytes of the distinct blobs and of the manifests of a namespace. */
async function countBytes(
  database: QuotaDatabase,
  namespace: string,
  work: YieldingWork,
): Promise<number> {
  const repositories = await idsIn(database, namespace, work);
  const seen = new Set<number>();
  let bytes = 0;
  for (let start = 0; start < repositories.length; start += repositoriesAtOnce) {
    await work.step();
    const ids = repositories.slice(start, start + repositoriesAtOnce);
    const content = await database.quotas.contentOf(ids, contentRowsAtMost);
    if (content === undefined) {
      for (const id of ids) bytes += await countRepository(database, id, seen, work);
      continue;
    }
    const added = [...new Set(content.blobIds)].filter((id) => !seen.has(id));
    for (const id of added) seen.add(id);
    await work.step();
    bytes += content.manifestBytes;
    if (added.length > 0) bytes += await database.quotas.blobBytes(added);
  }
  return bytes;
}

/** The ids of the repositories of a namespace in ascending order: neighbours have their rows on the same pages. */
async function idsIn(
  { repositories }: QuotaDatabase,
  namespace: string,
  work: YieldingWork,
): Promise<readonly number[]> {
  const ids: number[] = [];
  for (let last = ""; ;) {
    await work.step();
    const page = await repositories.ofNamespace(namespace, { last, limit: rowsAtOnce });
    for (const { id } of page) ids.push(id);
    if (page.length < rowsAtOnce) return ids.toSorted((a, b) => a - b);
    last = page.at(-1)?.name ?? last;
  }
}

/** The bytes of one repository without the blobs that were seen before. */
async function countRepository(
  database: QuotaDatabase,
  repositoryId: number,
  seen: Set<number>,
  work: YieldingWork,
): Promise<number> {
  await work.step();
  let bytes = await database.quotas.manifestBytes(repositoryId);
  for (let last = 0; ;) {
    await work.step();
    const range = { last, limit: rowsAtOnce };
    const blobs = await database.storageUsage.blobsOf(repositoryId, undefined, range);
    for (const { blobId, sizeBytes } of blobs) {
      if (!seen.has(blobId)) bytes += sizeBytes;
      seen.add(blobId);
    }
    if (blobs.length < rowsAtOnce) return bytes;
    last = blobs.at(-1)?.blobId ?? last;
  }
}
