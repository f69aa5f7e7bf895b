import { readKeys, removeKey, type KeyAlgorithm, type SigningKey } from "./files.ts";
import { endOf, rotateKeys } from "./keys.ts";

/** What became of a key that was to be removed. */
export type Removal =
  | { readonly kind: "removed" }
  | { readonly kind: "unknown" }
  /** There has to be another one first. */
  | { readonly kind: "signs" }
  /** Tokens that it signed are still good. */
  | { readonly kind: "in use"; readonly endsAtMs: number };

export interface ListedKey {
  readonly id: string;
  readonly algorithm: KeyAlgorithm;
  readonly createdAtMs: number;
  /** When tokens of it stop being good; `undefined` for the one that signs. */
  readonly endsAtMs: number | undefined;
}

/** The keys in a folder, for whoever looks after them; a server may run on the folder meanwhile. */
export interface KeyRing {
  /** The newest first. */
  list(): Promise<readonly ListedKey[]>;
  isOver(endsAtMs: number | undefined): boolean;
  rotate(): Promise<SigningKey>;
  /** @param force also while tokens of it are good */
  remove(id: string, force: boolean): Promise<Removal>;
}

export function createKeyRing(parts: {
  readonly folder: string;
  readonly algorithm: KeyAlgorithm;
  readonly clock: () => number;
}): KeyRing {
  const { folder, algorithm, clock } = parts;
  const isOver = (endsAtMs: number | undefined): boolean =>
    endsAtMs !== undefined && endsAtMs <= clock();

  return {
    async list() {
      const keys = await readKeys(folder);
      return keys.map((key) => {
        const { id, algorithm, createdAtMs } = key;
        return { id, algorithm, createdAtMs, endsAtMs: endOf(keys, key) };
      });
    },
    isOver,
    rotate: () => rotateKeys(folder, algorithm, clock()),
    async remove(id, force) {
      const keys = await readKeys(folder);
      const key = keys.find((candidate) => candidate.id === id);
      if (key === undefined) return { kind: "unknown" };
      const endsAtMs = endOf(keys, key);
      if (endsAtMs === undefined) return { kind: "signs" };
      if (!isOver(endsAtMs) && !force) return { kind: "in use", endsAtMs };
      await removeKey(folder, id);
      return { kind: "removed" };
    },
  };
}
