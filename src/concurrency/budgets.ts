import ipaddr from "ipaddr.js";
import { createCountedCache, memoized } from "./bounded-cache.ts";

/*
 * Budgets limit the server resources of one client, by key. A key is an account id, or the network of an address. A
 * rate budget holds at most 50,000 keys and evicts the least recently used one first; a held budget only knows keys in
 * use.
 */

/** A token bucket with `burst` tokens. One token returns every `everyMs` milliseconds. */
export interface Rate {
  readonly burst: number;
  readonly everyMs: number;
}

/** The rate for each of `processes` processes, so that together they allow the configured rate. */
export function shareOfRate({ burst, everyMs }: Rate, processes: number): Rate {
  return { burst: Math.ceil(burst / processes), everyMs: everyMs * processes };
}

/** A token bucket per key. */
export interface RateBudget {
  /** Milliseconds until the key may take a token; 0: now. */
  waitMs(key: string): number;
  take(key: string): void;
  giveBack(key: string): void;
}

/** Keys of one rate budget; 50,000 of them take less than 10 MB. */
const keysAtMost = 50_000;

/**
 * @param clock milliseconds; if the clock jumps backwards, clients only wait longer
 */
export function createRateBudget(clock: () => number, { burst, everyMs }: Rate): RateBudget {
  // The time when the bucket of a key is full again. A full bucket has no entry.
  const fullAt = createCountedCache<number>(keysAtMost);
  const spentMs = (key: string): number => Math.max(0, (fullAt.get(key) ?? 0) - clock());
  const set = (key: string, spent: number): void => {
    if (spent <= 0) fullAt.delete(key);
    else fullAt.set(key, clock() + spent);
  };
  return {
    waitMs: (key) => Math.max(0, spentMs(key) + everyMs - burst * everyMs),
    take: (key) => set(key, spentMs(key) + everyMs),
    giveBack: (key) => set(key, spentMs(key) - everyMs),
  };
}

/** Limits what a key holds at one time: connections, requests or bytes. Keys that hold nothing have no entry. */
export interface HeldBudget {
  /** Adds `amount`. Returns `false`, and adds nothing, if the sum would exceed the limit. */
  acquire(key: string, amount?: number): boolean;
  release(key: string, amount?: number): void;
  held(key: string): number;
}

/** @param limit limit of one key; Infinity for no limit */
export function createHeldBudget(limit: number): HeldBudget {
  const held = new Map<string, number>();
  return {
    acquire(key, amount = 1) {
      const now = (held.get(key) ?? 0) + amount;
      if (now > limit) return false;
      held.set(key, now);
      return true;
    },
    release(key, amount = 1) {
      const now = (held.get(key) ?? 0) - amount;
      if (now > 0) held.set(key, now);
      else held.delete(key);
    },
    held: (key) => held.get(key) ?? 0,
  };
}

/**
 * The key of a client address: the IPv4 address, or the /64 network of an IPv6 address, because one client can use all
 * addresses of its network. IPv4-mapped addresses (`::ffff:192.0.2.1`) have the key of the IPv4 address.
 */
export const addressKey = memoized((address): string => {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return parsed.toString();
  return ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString();
});
