import { createCipheriv, createHash } from "node:crypto";

/** Returns the same bytes for the same seed, and other bytes for another seed, so that a test stores only the seed. */
export function contentOf(seed: string, sizeBytes: number): Buffer {
  const key = createHash("sha256").update(seed).digest();
  return createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
}

export interface Random {
  /** A whole number from 0 up to, not including, `limit`. */
  below(limit: number): number;
  oneOf<T>(choices: readonly [T, ...T[]]): T;
}

/** A deterministic random generator: the same seed gives the same numbers. */
export function createRandom(seed: string): Random {
  let counter = 0;
  const below = (limit: number): number => {
    counter += 1;
    return createHash("sha256").update(`${seed}/${counter}`).digest().readUInt32LE() % limit;
  };
  return { below, oneOf: (choices) => choices[below(choices.length)] ?? choices[0] };
}
