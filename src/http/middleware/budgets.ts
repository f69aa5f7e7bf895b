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
import { peerOf } from "./principal.ts";
import { whenClosed } from "./early-end.ts";

/*
 * What one client may use at one time, whatever it asks for. Every request passes `enter` after its client is known and
 * before its body is read: a small body can only be read with the key that `enter` returns.
 */

declare const entered: unique symbol;

/** The account or the address that a request is counted for; only {@link Budgets} makes one. */
export type BudgetKey = string & { readonly [entered]: true };

export interface Budgets {
  /**
   * Counts a request until its response has ended, for the account, or for the address of a client without one.
   * Throws TOOMANYREQUESTS (429, with Retry-After) when the client has used up what it may.
   */
  enter(ctx: Context, route: BudgetedRoute, accountId: number | null): BudgetKey;
  /**
   * Takes one of the fetches from upstreams that the client may begin. Throws TOOMANYREQUESTS as `enter` does, and takes
   * none then.
   */
  admitMiss(client: BudgetKey): void;
}

interface BudgetedRoute {
  readonly method: string;
  readonly path: string;
  readonly permission: { readonly kind: string };
}

export interface BudgetLimits {
  /** Requests of one client at one time. */
  readonly requestsPerClient: number;
  /** Changes by one client a second, over the Hub-shaped API and Berth's own. */
  readonly apiWrites: number;
  /** Tokens for one address without an account a second. */
  readonly anonymousTokens: number;
  /** Fetches from upstreams that one client may begin in a minute. */
  readonly mirrorMisses: number;
}

/** A client that did nothing for a while may do this many seconds' worth at once. */
const writeBurst = 10;
const tokenBurst = 50;
const missBurst = 60;
/** Asked by machines that decide whether the process lives: never refused. */
const unlimited = new Set(["/healthz", "/readyz"]);

const rateOf = (perSecond: number, burst: number): Rate => ({
  burst: perSecond * burst,
  everyMs: 1000 / perSecond,
});

/** @param processes that answer; each has its share of the limits */
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
    enter(ctx, { method, path, permission }, accountId) {
      const address = addressKey(peerOf(ctx));
      const key = (accountId === null ? address : `account ${accountId}`) as BudgetKey;
      if (unlimited.has(path)) return key;
      if (permission.kind === "hub" && method !== "get") take(writes, key, "changes");
      if (path === "/token" && ctx.req.headers.authorization === undefined)
        take(tokens, address, "tokens for clients without an account");
      if (!running.acquire(key))
        throw tooMany("too many requests of this client are running: try again later", 1000);
      whenClosed(ctx.res, () => running.release(key));
      return key;
    },
    admitMiss: (client) => take(misses, client, "requests for what is not in the mirror yet"),
  };
}

export function tooMany(message: string, waitMs: number): OciError {
  const headers = { "Retry-After": String(Math.max(1, Math.ceil(waitMs / 1000))) };
  return new OciError("TOOMANYREQUESTS", message, { headers });
}
