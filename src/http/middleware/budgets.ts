import type { Context } from "koa";
import {
  addressKey,
  createHeldBudget,
  createRateBudget,
  shareOfRate,
  type Rate,
  type RateBudget,
} from "../../concurrency/budgets.ts";
import { OciError } from "../../oci/errors.ts";
import { isHubRoute, type Route } from "../route.ts";
import { peerOf } from "./request-state.ts";
import { whenClosed } from "./early-end.ts";

/*
 * Limits per client, independent of the requested resource. Each request that a router admits passes `enter` after its
 * authentication and before its body is read: `BodyReader.read` needs the key that `enter` returns. The fast path
 * does not call `enter`: it answers from memory.
 */

declare const entered: unique symbol;

/** The account or the address that a request is counted for; only {@link Budgets} creates it. */
export type BudgetKey = string & { readonly [entered]: true };

export interface Budgets {
  /**
   * Counts a request until its response has ended. The key is the account, or the address of an anonymous client.
   * Throws TOOMANYREQUESTS (429, with Retry-After) when the client has reached a limit.
   */
  enter(ctx: Context, route: Route, accountId: number | null): BudgetKey;
  /**
   * Counts one fetch from an upstream for the client. Throws TOOMANYREQUESTS as `enter` does; then nothing is counted.
   */
  admitMiss(client: BudgetKey): void;
}

export interface BudgetLimits {
  /** Concurrent requests of one client. */
  readonly requestsPerClient: number;
  /** Changes per second by one client, in the Hub-shaped API and in Berth's own API. */
  readonly apiWrites: number;
  /** Anonymous tokens per second for one address. */
  readonly anonymousTokens: number;
  /** Fetches from upstreams that one client may start per minute. */
  readonly mirrorMisses: number;
}

/** Bursts in seconds: after a pause, a client may use the limit of this many seconds at once. */
const writeBurst = 10;
const tokenBurst = 50;
const missBurst = 60;
/** Health probes decide whether the process is restarted: never reject them. */
const unlimited = new Set(["/healthz", "/readyz"]);

const rateOf = (perSecond: number, burst: number): Rate => ({
  burst: perSecond * burst,
  everyMs: 1000 / perSecond,
});

/** @param processes number of processes that serve this address; each enforces its share of the limits */
export function createBudgets(limits: BudgetLimits, clock: () => number, processes = 1): Budgets {
  const running = createHeldBudget(Math.ceil(limits.requestsPerClient / processes));
  const budgetOf = (rate: Rate): RateBudget =>
    createRateBudget(clock, shareOfRate(rate, processes));
  const writes = budgetOf(rateOf(limits.apiWrites, writeBurst));
  const tokens = budgetOf(rateOf(limits.anonymousTokens, tokenBurst));

  const misses = budgetOf(rateOf(limits.mirrorMisses / 60, missBurst));

  const take = (budget: RateBudget, key: string, what: string): void => {
    const waitMs = budget.waitMs(key);
    if (waitMs > 0) throw tooMany(`too many ${what}: try again later`, waitMs);
    budget.take(key);
  };

  return {
    enter(ctx, route, accountId) {
      const address = addressKey(peerOf(ctx));
      const key = (accountId === null ? address : `account ${accountId}`) as BudgetKey;
      if (unlimited.has(route.path)) return key;
      if (isHubRoute(route) && route.method !== "get") take(writes, key, "changes");
      if (route.path === "/token" && ctx.req.headers.authorization === undefined)
        take(tokens, address, "tokens for clients without an account");
      if (!running.acquire(key))
        throw tooMany("too many requests of this client are running: try again later", 1000);
      whenClosed(ctx.res, () => running.release(key));
      return key;
    },
    admitMiss: (client) => take(misses, client, "fetches from mirrored registries"),
  };
}

export function tooMany(message: string, waitMs: number): OciError {
  const headers = { "Retry-After": String(Math.max(1, Math.ceil(waitMs / 1000))) };
  return new OciError("TOOMANYREQUESTS", message, { headers });
}
