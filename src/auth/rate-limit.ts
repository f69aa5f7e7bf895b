import ipaddr from "ipaddr.js";

/** How many wrong attempts are free, and how soon another one is. */
export interface Allowance {
  readonly burst: number;
  readonly everyMs: number;
}

export interface RateLimits {
  readonly perAccount: Allowance;
  readonly perPeer: Allowance;
}

export const defaultRateLimits: RateLimits = {
  perAccount: { burst: 10, everyMs: 30_000 },
  perPeer: { burst: 30, everyMs: 5_000 },
};

export interface Attempt {
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

/** Keys that are kept; the oldest goes first. */
const atMostKept = 50_000;

/**
 * Wrong attempts at passwords, per account and per peer (an IPv4 address or an IPv6 network of 64 bits). A peer from
 * which the account has logged in before has an allowance of its own with it: strangers who try passwords lock out
 * strangers.
 */
export function createRateLimit(
  clock: () => number,
  { perAccount, perPeer }: RateLimits = defaultRateLimits,
): RateLimit {
  const accounts = createBuckets(clock, perAccount);
  const peers = createBuckets(clock, perPeer);
  const known = new Set<string>();

  const begin = (account: string | undefined, address: string): ReturnType<RateLimit["begin"]> => {
    const peer = networkOf(address);
    const pair = `${account} ${peer}`;
    const ofPeer = { buckets: peers, key: peer };
    const isKnown = account !== undefined && known.has(pair);
    const ofAccount =
      account === undefined ? [] : [{ buckets: accounts, key: isKnown ? pair : account }];
    const taken = [ofPeer, ...ofAccount];
    // What others behind the same address get wrong is not in the way of who has been right from there.
    const asked = isKnown ? ofAccount : taken;
    const retryAfterMs = Math.max(...asked.map(({ buckets, key }) => buckets.waitMs(key)));
    if (retryAfterMs > 0) return { retryAfterMs };
    for (const { buckets, key } of taken) buckets.take(key);
    const forget = (): void => {
      for (const { buckets, key } of taken) buckets.giveBack(key);
    };
    return {
      forget,
      succeed: () => {
        forget();
        if (account === undefined) return;
        const [oldest] = known;
        if (known.size >= atMostKept && oldest !== undefined) known.delete(oldest);
        known.add(pair);
      },
    };
  };
  return { begin, beginToken: (peer) => begin(undefined, peer) };
}

/** A bucket fills by one every so often; what is kept of it is the time when it will be full. */
function createBuckets(clock: () => number, { burst, everyMs }: Allowance) {
  const fullAt = new Map<string, number>();
  const spentMs = (key: string): number => Math.max(0, (fullAt.get(key) ?? 0) - clock());
  const set = (key: string, spent: number): void => {
    fullAt.delete(key);
    if (spent <= 0) return;
    const [oldest] = fullAt.keys();
    if (fullAt.size >= atMostKept && oldest !== undefined) fullAt.delete(oldest);
    fullAt.set(key, clock() + spent);
  };
  return {
    /** Milliseconds until there is one; 0 when there is. */
    waitMs: (key: string) => Math.max(0, spentMs(key) + everyMs - burst * everyMs),
    take: (key: string) => set(key, spentMs(key) + everyMs),
    giveBack: (key: string) => set(key, spentMs(key) - everyMs),
  };
}

/** Whoever has one address of an IPv6 network has 2^64 of them. */
function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return parsed.toString();
  return ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString();
}
