import {
  createHmac,
  randomBytes,
  randomInt,
  scrypt as scryptWithCallback,
  timingSafeEqual,
  type ScryptOptions,
} from "node:crypto";
import { promisify } from "node:util";
import { createByteCache } from "../concurrency/bounded-cache.ts";
import { createFairQueue, type QueuedClient } from "./login-queues.ts";

/** Applies to passwords that users choose. Access tokens have a fixed length and are random. */
export const passwordLength = { min: 8, max: 1024 } as const;

export interface Passwords {
  /**
   * Returns the stored form: `$scrypt$ln=15,r=8,p=1$salt$hash`. It contains the parameters, so that stronger ones need
   * no migration.
   */
  hash(password: string): Promise<string>;
  /**
   * Whether `password` matches `stored`. `stored = undefined` takes the same time and returns false. A password that
   * matched in the last 5 minutes is not derived again. Rejects with TOOMANYREQUESTS when too many calls wait.
   * @param client without it, the call is a local one
   */
  verify(password: string, stored: string | undefined, client?: LoginClient): Promise<boolean>;
}

/** A client that logs in, and its key for the fair queue. */
export interface LoginClient extends QueuedClient {
  /** Called before a password is derived. If it rejects, so does the verification; see `login-queues.ts`. */
  readonly admit?: () => Promise<void>;
}

interface Cost {
  /** Base-2 logarithm of N. scrypt uses 2^ln · r · 128 bytes of memory. */
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

const scrypt: (
  password: string,
  salt: Buffer,
  bytes: number,
  options: ScryptOptions,
) => Promise<Buffer> = promisify(scryptWithCallback);
const defaultCost: Cost = { ln: 15, r: 8, p: 1 };
const hashBytes = 32;
const format = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w+/]+)\$([\w+/]+)$/;

/** libuv has 4 threads, which also read files; password hashing uses at most 2 of them. */
const atOnce = 2;
/** 512 known and 512 unknown clients may wait; about 33 derivations run per second. */
const atMostWaiting = 512;
const local: LoginClient = { key: "", isKnown: true };

/** Without letters and digits that look alike. */
const typeableCharacters = "abcdefghijkmnpqrstuvwxyz23456789";
const groups = 4;
const groupLength = 5;

const rememberedMs = 5 * 60_000;
/** About 1,000 remembered results with their overhead. */
const rememberedBytes = 384 * 1024;
/** A time in milliseconds. */
const timeBytes = 8;

/** Password hashing with scrypt. */
export function createPasswords(parts: {
  readonly clock: () => number;
  readonly cost?: Cost;
}): Passwords {
  const { clock, cost = defaultCost } = parts;
  const queue = createFairQueue({ atOnce, atMostWaiting });
  const unknownUserHash = encode(cost, randomBytes(16), randomBytes(hashBytes));
  // Clients send the password with every token request. The key includes the stored hash, so a changed password misses.
  const verified = createVerifiedPasswordCache(clock);

  return {
    async hash(password) {
      const salt = randomBytes(16);
      const made = await queue(local, () => derive(password, salt, cost));
      return encode(cost, salt, made);
    },

    async verify(password, stored, client = local) {
      const key = verified.keyOf(stored ?? unknownUserHash, password);
      if (verified.has(key)) return true;
      const { salt, hash, ...ofStored } = decode(stored ?? unknownUserHash);
      return await queue(client, async () => {
        // Hundreds of machines may log in with one password at the same time: only the first call derives the hash.
        if (verified.has(key)) return true;
        // In its turn, so that a flood of logins does not become a flood of changes to the database.
        await client.admit?.();
        const made = await derive(password, salt, ofStored);
        const isRight = timingSafeEqual(made, hash) && stored !== undefined;
        if (isRight) verified.add(key);
        return isRight;
      });
    },
  };
}

function derive(password: string, salt: Buffer, { ln, r, p }: Cost): Promise<Buffer> {
  const N = 2 ** ln;
  // Keyboards differ in how they compose "é"; NFC makes them equal.
  return scrypt(password.normalize("NFC"), salt, hashBytes, { N, r, p, maxmem: 256 * N * r });
}

function encode({ ln, r, p }: Cost, salt: Buffer, hash: Buffer): string {
  const text = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "");
  return `$scrypt$ln=${ln},r=${r},p=${p}$${text(salt)}$${text(hash)}`;
}

function decode(stored: string): Cost & { readonly salt: Buffer; readonly hash: Buffer } {
  const [, ln, r, p, salt = "", hash = ""] = format.exec(stored) ?? [];
  if (ln === undefined) throw new Error("a password hash in the database has an unknown format");
  return {
    ln: Number(ln),
    r: Number(r),
    p: Number(p),
    salt: Buffer.from(salt, "base64"),
    hash: Buffer.from(hash, "base64"),
  };
}

/** Results of recent password checks, by HMAC-SHA-256 with a random key: the secrets are not stored. */
export interface VerifiedPasswordCache {
  add(key: string): void;
  has(key: string): boolean;
  /** The cache key of these texts, in this order. */
  keyOf(...texts: readonly string[]): string;
}

/** Keeps an entry for 5 minutes. Above {@link rememberedBytes} the least recently used entry is dropped. */
export function createVerifiedPasswordCache(clock: () => number): VerifiedPasswordCache {
  const key = randomBytes(32);
  const untilMs = createByteCache<number>({ maxBytes: rememberedBytes, sizeOf: () => timeBytes });
  return {
    keyOf: (...texts) => createHmac("sha256", key).update(JSON.stringify(texts)).digest("base64"),
    has: (key) => (untilMs.get(key) ?? 0) > clock(),
    add(key) {
      untilMs.set(key, clock() + rememberedMs);
    },
  };
}

/** 100 random bits in a form that is easy to type: `k3fqa-…`. */
export function generatePassword(): string {
  const group = (): string =>
    Array.from(
      { length: groupLength },
      () => typeableCharacters[randomInt(typeableCharacters.length)],
    ).join("");
  return Array.from({ length: groups }, group).join("-");
}
