import { createHash } from "node:crypto";
import { createCountedCache } from "../concurrency/bounded-cache.ts";
import { addressKey, createRateBudget, shareOfRate, type Rate } from "../concurrency/budgets.ts";
import type { AttemptBucket } from "../database/accounts/login-attempts.ts";
import type { Database } from "../database/contract.ts";

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
  /**
   * Counts the attempt among all replicas too. Rejects with DatabaseError.
   * @returns milliseconds to wait if their limit is reached; then the attempt is not counted at all. 0: continue
   */
  countAmongReplicas(): Promise<number>;
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
 * @param attempts the attempts of all replicas; `undefined`: this process has no other replicas
 */
export function createRateLimit(
  clock: () => number,
  { perAccount, perPeer }: RateLimits,
  attempts?: SharedAttempts,
): RateLimit {
  const pairs = createRateBudget(clock, perAccount);
  const peers = createRateBudget(clock, perPeer);
  const known = createCountedCache<true>(knownAtMost);

  const begin = (account: string | undefined, address: string): ReturnType<RateLimit["begin"]> => {
    const peer = addressKey(address);
    const pair = account === undefined ? undefined : `${account} ${peer}`;
    const isKnown = pair !== undefined && known.has(pair);
    const ofPeer = { budget: peers, key: peer, rate: perPeer, isAsked: !isKnown };
    const ofPair =
      pair === undefined ? [] : [{ budget: pairs, key: pair, rate: perAccount, isAsked: true }];
    const taken = [ofPeer, ...ofPair];
    const asked = taken.filter(({ isAsked }) => isAsked);
    const retryAfterMs = Math.max(...asked.map(({ budget, key }) => budget.waitMs(key)));
    if (retryAfterMs > 0) return { retryAfterMs };
    for (const { budget, key } of taken) budget.take(key);
    const shared = taken.map(({ key, rate, isAsked }) => bucketOf(key, rate, isAsked));
    let [isCounted, isCountedAmongReplicas] = [true, false];
    const forget = (): void => {
      if (isCounted) for (const { budget, key } of taken) budget.giveBack(key);
      if (isCountedAmongReplicas) attempts?.giveBack(shared);
      [isCounted, isCountedAmongReplicas] = [false, false];
    };
    return {
      isKnown,
      async countAmongReplicas() {
        const waitMs = (await attempts?.take(shared)) ?? 0;
        isCountedAmongReplicas = waitMs === 0;
        // The login may have failed meanwhile, because the database took too long.
        if (waitMs > 0 || !isCounted) forget();
        return waitMs;
      },
      forget,
      succeed: () => {
        forget();
        if (pair !== undefined) known.set(pair, true);
      },
    };
  };
  return { begin, beginToken: (peer) => begin(undefined, peer) };
}

/** The database has neither names nor addresses: the key is a hash. A name may also have characters that it rejects. */
function bucketOf(key: string, { burst, everyMs }: Rate, isAsked: boolean): AttemptBucket {
  const hashed = createHash("sha256").update(key).digest("base64url");
  return { key: hashed, everyMs, burst: isAsked ? burst : null };
}

/** The attempts of all replicas. */
export interface SharedAttempts {
  /** As `takeLoginAttempt`. */
  take(buckets: readonly AttemptBucket[]): Promise<number>;
  /** Does not wait. If the database fails, the attempt stays counted. */
  giveBack(buckets: readonly AttemptBucket[]): void;
}

/** Rows of full buckets are deleted at most this often. */
const deleteFullEveryMs = 10 * 60_000;

/** The attempts in the table `login_attempts`, by the clock of the database. */
export function createSharedAttempts(
  { unflushedCommands: commands }: Pick<Database, "unflushedCommands">,
  clock: () => number,
): SharedAttempts {
  let deletedAtMs = clock();
  const deleteFull = (nowMs: number): void => {
    if (nowMs - deletedAtMs < deleteFullEveryMs) return;
    deletedAtMs = nowMs;
    commands.deleteFullLoginAttempts({ nowMs }).catch(() => undefined);
  };
  return {
    take(buckets) {
      const nowMs = clock();
      deleteFull(nowMs);
      return commands.takeLoginAttempt({ buckets, nowMs });
    },
    giveBack: (buckets) =>
      void commands.returnLoginAttempt({ buckets, nowMs: clock() }).catch(() => undefined),
  };
}
