import { createCipheriv, createHash } from "node:crypto";

/** The same bytes for the same seed, and no two seeds alike: a test keeps the seed instead of the bytes. */
export function contentOf(seed: string, sizeBytes: number): Buffer {
  const key = createHash("sha256").update(seed).digest();
  return createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
}

export interface Random {
  /** A whole number from 0 up to, not including, `limit`. */
  below(limit: number): number;
  oneOf<T>(choices: readonly [T, ...T[]]): T;
}

/** Chance that can be repeated: the same seed, the same numbers. */
export function createRandom(seed: string): Random {
  let counter = 0;
  const below = (limit: number): number => {
    counter += 1;
    return createHash("sha256").update(`${seed}/${counter}`).digest().readUInt32LE() % limit;
  };
  return { below, oneOf: (choices) => choices[below(choices.length)] ?? choices[0] };
}
