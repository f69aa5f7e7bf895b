import { createCountedCache } from "../concurrency/bounded-cache.ts";
import { addressKey, createRateBudget, shareOfRate, type Rate } from "../concurrency/budgets.ts";

export interface RateLimits {
  /** Wrong passwords for one account from one address. */
  readonly perAccount: Rate;
  /** Wrong passwords and access tokens from one address. */
  readonly perPeer: Rate;
}

/** The limits of one process out of `processes`. */
export const rateLimitsOf = (processes: number): RateLimits => ({
  perAccount: shareOfRate({ burst: 10, everyMs: 30_000 }, processes),
  perPeer: shareOfRate({ burst: 30, everyMs: 5_000 }, processes),
});

export interface Attempt {
  /** The account has logged in from this address before; its logins run before others in the queue. */
  readonly isKnown: boolean;
  /** The password was right: the attempt is not counted, and the address is known for the account from now on. */
  succeed(): void;
  /** The result is unknown and the attempt is not counted: a database failure must not lock accounts out. */
  forget(): void;
}

export interface RateLimit {
  /**
   * Counts an attempt before its result is known, so that 1,000 concurrent attempts do not bypass the limit.
   * @returns the attempt, or the milliseconds to wait if the limit is reached
   */
  begin(account: string, peer: string): Attempt | { readonly retryAfterMs: number };
  /**
   * The same for access tokens. Only the address is counted: a token cannot be guessed, so an outdated token in a job
   * does not lock its account out.
   */
  beginToken(peer: string): Attempt | { readonly retryAfterMs: number };
}

/** Maximum number of known pairs of account and address. */
const knownAtMost = 50_000;

/**
 * Limits wrong passwords, per address and per pair of account and address. An address is an IPv4 address or an IPv6
 * network of 64 bits. There is no limit per account alone: with one, any client could lock every account out. For a
 * known pair only the pair's limit applies, so that other clients behind the same address do not lock the account out.
 */
export function createRateLimit(
  clock: () => number,
  { perAccount, perPeer }: RateLimits = rateLimitsOf(1),
): RateLimit {
  const pairs = createRateBudget(clock, perAccount);
  const peers = createRateBudget(clock, perPeer);
  const known = createCountedCache<true>(knownAtMost);

  const begin = (account: string | undefined, address: string): ReturnType<RateLimit["begin"]> => {
    const peer = addressKey(address);
    const pair = account === undefined ? undefined : `${account} ${peer}`;
    const isKnown = pair !== undefined && known.has(pair);
    const ofPeer = { budget: peers, key: peer };
    const ofPair = pair === undefined ? [] : [{ budget: pairs, key: pair }];
    const taken = [ofPeer, ...ofPair];
    const asked = isKnown ? ofPair : taken;
    const retryAfterMs = Math.max(...asked.map(({ budget, key }) => budget.waitMs(key)));
    if (retryAfterMs > 0) return { retryAfterMs };
    for (const { budget, key } of taken) budget.take(key);
    const forget = (): void => {
      for (const { budget, key } of taken) budget.giveBack(key);
    };
    return {
      isKnown,
      forget,
      succeed: () => {
        forget();
        if (pair !== undefined) known.set(pair, true);
      },
    };
  };
  return { begin, beginToken: (peer) => begin(undefined, peer) };
}
