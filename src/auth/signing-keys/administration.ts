import { readKeys, removeKey, type KeyAlgorithm, type SigningKey } from "./files.ts";
import { endOf, rotateKeys } from "./keys.ts";

/** The result of a key removal. */
export type Removal =
  | { readonly kind: "removed" }
  | { readonly kind: "unknown" }
  /** The key is the current signing key; rotate first. */
  | { readonly kind: "signs" }
  /** Tokens that the key signed are still valid. */
  | { readonly kind: "in use"; readonly endsAtMs: number };

export interface ListedKey {
  readonly id: string;
  readonly algorithm: KeyAlgorithm;
  readonly createdAtMs: number;
  /** When its last token expires; `undefined` for the current signing key. */
  readonly endsAtMs: number | undefined;
}

/** Key administration for the CLI. A server may use the folder at the same time. */
export interface KeyRing {
  /** Newest first. */
  list(): Promise<readonly ListedKey[]>;
  isOver(endsAtMs: number | undefined): boolean;
  rotate(): Promise<SigningKey>;
  /** @param force removes the key also while its tokens are valid */
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
