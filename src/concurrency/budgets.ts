import ipaddr from "ipaddr.js";
import { createCountedCache, memoized } from "./byte-cache.ts";

/*
 * Budgets: what one client may use of the server, by key. A key is the id of an account, or the network of an address.
 * The state of a budget is bounded: the keys that were used least recently are forgotten first.
 */

/** So many at once, and one more each time this many milliseconds have passed. */
export interface Rate {
  readonly burst: number;
  readonly everyMs: number;
}

/** The share of one of several processes, so that together they allow what one would. */
export function shareOfRate({ burst, everyMs }: Rate, processes: number): Rate {
  return { burst: Math.ceil(burst / processes), everyMs: everyMs * processes };
}

/** A token bucket per key. */
export interface RateBudget {
  /** Milliseconds until the key may take one; 0 when it may now. */
  waitMs(key: string): number;
  take(key: string): void;
  giveBack(key: string): void;
}

/** Keys of one rate budget; 50,000 of them take less than 10 MB. */
const keysAtMost = 50_000;

/**
 * @param clock milliseconds; a clock that jumps backwards only makes clients wait
 */
export function createRateBudget(clock: () => number, { burst, everyMs }: Rate): RateBudget {
  // Per key the time when its bucket is full again; a full bucket needs no entry.
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

/** What keys hold at one time: connections, requests, bytes. Only keys that hold something are known. */
export interface HeldBudget {
  /** Adds to what the key holds; false (and nothing is added) when that would be more than the limit. */
  acquire(key: string, amount?: number): boolean;
  release(key: string, amount?: number): void;
  held(key: string): number;
}

/** @param limit of one key; Infinity for none */
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
 * The key of a client's address: an IPv4 address, or the network of 64 bits of an IPv6 address, because a client has
 * all addresses of its network. IPv4 addresses that are written as IPv6 (`::ffff:192.0.2.1`) have the key of IPv4.
 */
export const addressKey = memoized((address): string => {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return parsed.toString();
  return ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString();
});
