import {
  randomBytes,
  scrypt as scryptWithCallback,
  timingSafeEqual,
  type ScryptOptions,
} from "node:crypto";
import { promisify } from "node:util";
import { createVerifiedPasswordCache } from "./verified-password-cache.ts";
import { createFairQueue, type QueuedClient } from "./keyed-semaphore.ts";

/** Only a password that somebody chose needs these; tokens are as long as they are random. */
export const passwordLength = { min: 8, max: 1024 } as const;

export interface Passwords {
  /** What is kept of a password: `$scrypt$ln=15,r=8,p=1$salt$hash`, so that stronger parameters need no migration. */
  hash(password: string): Promise<string>;
  /**
   * Whether it is the password of which `stored` was made; `undefined` costs the same and is never right. What was
   * right a short while ago costs next to nothing. Rejects with TOOMANYREQUESTS when too many wait for their turn.
   * @param place whose turn it is; clients take turns by key
   */
  verify(password: string, stored: string | undefined, client?: QueuedClient): Promise<boolean>;
}

interface Cost {
  /** Logarithm of N: memory is 2^ln · r · 128 bytes. */
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

/** Of the four threads that also read files. */
const atOnce = 2;
/** Known clients, and as many others; about 33 a second have their turn. */
const atMostWaiting = 512;
const local: QueuedClient = { key: "", isKnown: true };

/** Passwords by scrypt. */
export function createPasswords(parts: {
  readonly clock: () => number;
  readonly cost?: Cost;
}): Passwords {
  const { clock, cost = defaultCost } = parts;
  const queue = createFairQueue({ atOnce, atMostWaiting });
  const nobody = encode(cost, randomBytes(16), randomBytes(hashBytes));
  // Clients send a password with every request for a token. Known with the row it was right for.
  const verified = createVerifiedPasswordCache(clock);

  return {
    async hash(password) {
      const salt = randomBytes(16);
      const made = await queue(local, () => derive(password, salt, cost));
      return encode(cost, salt, made);
    },

    async verify(password, stored, client = local) {
      const key = verified.keyOf(stored ?? nobody, password);
      if (verified.has(key)) return true;
      const { salt, hash, ...ofStored } = decode(stored ?? nobody);
      return await queue(client, async () => {
        // Hundreds of machines log in with one password at the same moment: the first has done the work for all.
        if (verified.has(key)) return true;
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
  // Keyboards differ in how they compose an "é".
  return scrypt(password.normalize("NFC"), salt, hashBytes, { N, r, p, maxmem: 256 * N * r });
}

function encode({ ln, r, p }: Cost, salt: Buffer, hash: Buffer): string {
  const text = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "");
  return `$scrypt$ln=${ln},r=${r},p=${p}$${text(salt)}$${text(hash)}`;
}

function decode(stored: string): Cost & { readonly salt: Buffer; readonly hash: Buffer } {
  const [, ln, r, p, salt = "", hash = ""] = format.exec(stored) ?? [];
  if (ln === undefined) throw new Error("a password's hash in the database can't be read");
  return {
    ln: Number(ln),
    r: Number(r),
    p: Number(p),
    salt: Buffer.from(salt, "base64"),
    hash: Buffer.from(hash, "base64"),
  };
}
