import { probeAtMostEvery, type Readiness } from "../http/ops/health.ts";
import type { AppContext } from "./context.ts";

/** The result of a probe is cached for this time, which is shorter than the interval of a prober. */
const probeEveryMs = 2_000;
/** A load balancer waits for a few seconds only, and takes a replica out that does not answer. */
const answerWithinMs = 2_000;

/**
 * Whether the server may get requests, for `/readyz`.
 *
 * All replicas share their database and their store, so a replica stays ready when one of these is away: if a load
 * balancer took every replica out, clients would get its errors instead of Berth's 503 with `Retry-After`, and the replicas
 * would come back late. Operators see the problem in the answer.
 */
export async function createReadiness(context: AppContext): Promise<{
  readonly readiness: () => Promise<Readiness>;
  /** Makes the server not ready, so that a load balancer sends no new requests. */
  readonly drain: () => void;
}> {
  const parts = { storage: await context.store(), database: await context.database() };
  const isReplica = parts.database.coordination !== undefined;
  const probe = probeAtMostEvery(
    probeEveryMs,
    async () => {
      const problems: Record<string, string> = {};
      await Promise.all(
        Object.entries(parts).map(async ([name, part]) => {
          try {
            await (isReplica ? inTime(part.probe()) : part.probe());
          } catch (error) {
            problems[name] = error instanceof Error ? error.message : String(error);
          }
        }),
      );
      const clock = context.databaseClock.problem();
      return clock === undefined ? problems : { ...problems, clock };
    },
    context.logger,
  );
  let isDraining = false;
  return {
    readiness: async () => {
      if (isDraining) return { isReady: false, problems: { server: "is shutting down" } };
      const problems = await probe();
      return { isReady: isReplica || Object.keys(problems).length === 0, problems };
    },
    drain: () => {
      isDraining = true;
    },
  };
}

/** Rejects if the probe does not end within 2 s. */
async function inTime(probe: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer in 2 s")), answerWithinMs);
  });
  await Promise.race([probe, late]).finally(() => clearTimeout(timer));
}
