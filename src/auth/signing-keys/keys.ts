import { addKey, type KeyAlgorithm, type KeyStore, type SigningKey } from "./key.ts";

/** Lifetime of a bearer token: a revoked permission ends after 5 minutes at the latest. */
export const tokenLifeSeconds = 300;

/** A running server reads the store once per minute … */
const lookEveryMs = 60_000;
/** … and at once for an unknown key id, but for such ids at most every 5 s. */
const seekEveryMs = 5000;
/**
 * A key verifies for 10 minutes after its successor was created: all servers have read the successor by then, and the
 * last token has expired.
 */
export const overlapMs = tokenLifeSeconds * 1000 + 5 * lookEveryMs;

/** A public key in the format of RFC 7517 (JWK). */
interface PublishedKey {
  readonly kid: string;
  readonly alg: KeyAlgorithm;
  readonly use: "sig";
  readonly [member: string]: unknown;
}

/** The signing keys of a running server. */
export interface Keys {
  /** The current signing key. */
  signing(): Promise<SigningKey>;
  /** The key with this id, if tokens that it signed are still valid. */
  find(id: string): Promise<SigningKey | undefined>;
  /** Every key that {@link find} accepts, the signing key first. */
  published(): Promise<readonly PublishedKey[]>;
  /**
   * Changes whenever keys were added or removed. Starts a read of the store once per minute, without waiting for it.
   */
  edition(): number;
}

/** Opens the keys in a store. Creates a key if there is none, or if the newest has another algorithm. */
export async function openKeys(parts: {
  readonly store: KeyStore;
  readonly algorithm: KeyAlgorithm;
  readonly clock: () => number;
  /** Called when a read of the store fails; the server keeps the keys that it has. */
  readonly report: (error: unknown) => void;
  /** Called when another key signs. */
  readonly onRotated?: (key: { readonly id: string }) => void;
}): Promise<Keys> {
  const { store, algorithm, clock, report, onRotated } = parts;
  const openAt = { algorithm, nowMs: clock() };
  let keys = await addKey(store, openAt, ([newest]) => newest?.algorithm === algorithm);
  let edition = 0;
  let lookedAtMs = clock();
  let soughtAtMs = -Infinity;
  let looking: Promise<void> | undefined;

  const look = async (): Promise<void> => {
    lookedAtMs = clock();
    try {
      const now = await addKey(store, { algorithm, nowMs: clock() }, ({ length }) => length > 0);
      if (idsOf(now) === idsOf(keys)) return;
      const isRotated = newestOf(now).id !== newestOf(keys).id;
      keys = now;
      if (isRotated) onRotated?.(newestOf(now));
      edition += 1;
    } catch (error) {
      report(error);
    }
  };
  const startLook = (): Promise<void> =>
    (looking ??= look().finally(() => {
      looking = undefined;
    }));
  /** A negative time has passed after the clock was set back: then the store is read at once. */
  const hasPassed = (ms: number, sinceMs: number): boolean => {
    const passedMs = clock() - sinceMs;
    return passedMs < 0 || passedMs >= ms;
  };
  const lookEveryMinute = async (): Promise<void> =>
    hasPassed(lookEveryMs, lookedAtMs) ? startLook() : looking;
  /** Reads the store for an unknown id, also right after a read: another process may have added the key since. */
  const seek = async (): Promise<void> => {
    if (!hasPassed(seekEveryMs, soughtAtMs)) return looking;
    soughtAtMs = clock();
    await startLook();
  };
  const known = (id: string): SigningKey | undefined =>
    verifyingKeys(keys, clock()).find((key) => key.id === id);

  return {
    async signing() {
      await lookEveryMinute();
      return newestOf(keys);
    },
    async find(id) {
      const found = known(id);
      if (found !== undefined) return found;
      await seek();
      return known(id);
    },
    async published() {
      await lookEveryMinute();
      return verifyingKeys(keys, clock()).map(publish);
    },
    edition() {
      void lookEveryMinute();
      return edition;
    },
  };
}

function newestOf(keys: readonly SigningKey[]): SigningKey {
  const [newest] = keys;
  if (newest === undefined) throw new Error("there is no key to sign with");
  return newest;
}

const idsOf = (keys: readonly SigningKey[]): string => keys.map(({ id }) => id).join(" ");

/** When the last token of a key expires; `undefined` for the current signing key. */
export function endOf(keys: readonly SigningKey[], key: SigningKey): number | undefined {
  const successor = keys[keys.indexOf(key) - 1];
  return successor === undefined ? undefined : successor.createdAtMs + overlapMs;
}

function verifyingKeys(keys: readonly SigningKey[], nowMs: number): readonly SigningKey[] {
  return keys.filter((key) => (endOf(keys, key) ?? Infinity) > nowMs);
}

function publish({ id, algorithm, publicKey }: SigningKey): PublishedKey {
  return { ...publicKey.export({ format: "jwk" }), kid: id, alg: algorithm, use: "sig" };
}

/**
 * Creates the new signing key. Older keys verify for {@link overlapMs} after their successor; keys past that are
 * deleted.
 */
export async function rotateKeys(
  store: KeyStore,
  algorithm: KeyAlgorithm,
  nowMs: number,
): Promise<SigningKey> {
  const keys = await addKey(store, { algorithm, nowMs }, () => false);
  for (const key of keys) if ((endOf(keys, key) ?? Infinity) <= nowMs) await store.remove(key.id);
  return newestOf(keys);
}

/** The result of a key removal. */
type KeyRemoval =
  | { readonly kind: "removed" }
  | { readonly kind: "unknown" }
  /** The key is the current signing key; rotate first. */
  | { readonly kind: "signs" }
  /** Tokens that the key signed are still valid. */
  | { readonly kind: "in use"; readonly endsAtMs: number };

interface ListedKey {
  readonly id: string;
  readonly algorithm: KeyAlgorithm;
  readonly createdAtMs: number;
  /** When its last token expires; `undefined` for the current signing key. */
  readonly endsAtMs: number | undefined;
}

/** Key administration for the CLI. Servers may use the store at the same time. */
export interface KeyRing {
  /** Newest first. */
  list(): Promise<readonly ListedKey[]>;
  isOver(endsAtMs: number | undefined): boolean;
  rotate(): Promise<SigningKey>;
  /** The result that {@link remove} would have now. */
  check(id: string, force: boolean): Promise<KeyRemoval>;
  /** @param force removes the key also while its tokens are valid */
  remove(id: string, force: boolean): Promise<KeyRemoval>;
  /** As in {@link KeyStore}. */
  reseal(): Promise<readonly string[] | undefined>;
}

export function createKeyRing(parts: {
  readonly store: KeyStore;
  readonly algorithm: KeyAlgorithm;
  readonly clock: () => number;
}): KeyRing {
  const { store, algorithm, clock } = parts;
  const isOver = (endsAtMs: number | undefined): boolean =>
    endsAtMs !== undefined && endsAtMs <= clock();

  const check = async (id: string, force: boolean): Promise<KeyRemoval> => {
    const keys = await store.list();
    const key = keys.find((candidate) => candidate.id === id);
    if (key === undefined) return { kind: "unknown" };
    const endsAtMs = endOf(keys, key);
    if (endsAtMs === undefined) return { kind: "signs" };
    return isOver(endsAtMs) || force ? { kind: "removed" } : { kind: "in use", endsAtMs };
  };

  return {
    check,
    async list() {
      const keys = await store.list();
      return keys.map((key) => {
        const { id, algorithm, createdAtMs } = key;
        return { id, algorithm, createdAtMs, endsAtMs: endOf(keys, key) };
      });
    },
    isOver,
    rotate: () => rotateKeys(store, algorithm, clock()),
    async remove(id, force) {
      const outcome = await check(id, force);
      if (outcome.kind === "removed") await store.remove(id);
      return outcome;
    },
    reseal: () => store.reseal(),
  };
}
