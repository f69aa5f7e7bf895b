import { createCountedCache } from "../concurrency/byte-cache.ts";
import { addressKey, createRateBudget, shareOfRate, type Rate } from "../concurrency/budgets.ts";

export interface RateLimits {
  /** Wrong passwords for one account from one address. */
  readonly perAccount: Rate;
  /** Wrong passwords and access tokens from one address. */
  readonly perPeer: Rate;
}

/** What one of so many processes allows. */
export const rateLimitsOf = (processes: number): RateLimits => ({
  perAccount: shareOfRate({ burst: 10, everyMs: 30_000 }, processes),
  perPeer: shareOfRate({ burst: 30, everyMs: 5_000 }, processes),
});

export interface Attempt {
  /** The account has logged in from this address before: it goes first where logins wait. */
  readonly isKnown: boolean;
  /** It was right: it costs nothing, and its peer is from now on known to the account. */
  succeed(): void;
  /** Nothing is known of it: a database that fails must not lock people out. */
  forget(): void;
}

export interface RateLimit {
  /**
   * Counts an attempt before its outcome is known, so that a thousand at once are no way round.
   * @returns the milliseconds after which one would be counted again, when it may not be tried now
   */
  begin(account: string, peer: string): Attempt | { readonly retryAfterMs: number };
  /** The same for secrets that nobody can guess: only the peer pays, so that a forgotten job locks nobody out. */
  beginToken(peer: string): Attempt | { readonly retryAfterMs: number };
}

/** Pairs of account and address that are known. */
const knownAtMost = 50_000;

/**
 * Wrong attempts at passwords, per address and per pair of account and address (an IPv4 address or an IPv6 network of
 * 64 bits). There is no limit per account alone: with one, any client could lock every account out. An address from
 * which the account has logged in before answers for that account only, whatever other clients behind it get wrong.
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
