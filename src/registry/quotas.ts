import type { Actor } from "../database/permissions/authority.ts";
import type { Database } from "../database/contract.ts";
import type { PushRules } from "../database/registry/repository-creation.ts";
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

export function createQuotas(parts: {
  readonly database: Pick<Database, "quotas" | "commands">;
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
