import type { Actor } from "../database/events/audit.ts";
import type { Database } from "../database/database.ts";
import type { PushRules } from "../database/registry/repository-creation.ts";
import type { Clock } from "./leases.ts";

export interface Use {
  readonly namespace: string;
  readonly usedBytes: number;
  /** `null`: as much as it wants. */
  readonly limitBytes: number | null;
  /** Whether the limit is the namespace's own, and not the configuration's. */
  readonly isOwn: boolean;
}

export type Quotas = ReturnType<typeof createQuotas>;

export function createQuotas(parts: {
  readonly database: Pick<Database, "quotas" | "run">;
  readonly clock: Clock;
  readonly rules: Pick<PushRules, "defaultQuotaBytes">;
}) {
  const { database, clock, rules } = parts;

  return {
    /** Every namespace that has repositories or a quota of its own, in order. */
    async list(): Promise<readonly Use[]> {
      const rows = await database.quotas.list();
      return rows.map(({ namespace, usedBytes, limitBytes }) => ({
        namespace,
        usedBytes,
        limitBytes: limitBytes ?? rules.defaultQuotaBytes,
        isOwn: limitBytes !== null,
      }));
    },

    /** Limits a namespace from now on, also one that holds more already. Resolves with what it holds, in bytes. */
    async set(actor: Actor, namespace: string, limitBytes: number): Promise<number> {
      const set = { actor, namespace, limitBytes, nowMs: clock() };
      return (await database.run("setQuota", set)).usedBytes;
    },

    /** Back to what the configuration says. False if the namespace had no quota of its own. */
    remove: (actor: Actor, namespace: string): Promise<boolean> =>
      database.run("removeQuota", { actor, namespace, nowMs: clock() }),
  };
}
