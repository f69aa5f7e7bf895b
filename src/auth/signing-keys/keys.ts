import { makeKey, readKeys, removeKey, type KeyAlgorithm, type SigningKey } from "./files.ts";

/** Lifetime of a bearer token: a revoked permission ends after 5 minutes at the latest. */
export const tokenLifeSeconds = 300;

/** A running server reads the folder once per minute … */
const lookEveryMs = 60_000;
/** … and at once for an unknown key id, but at most every 5 s. */
const lookAgainMs = 5000;
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
   * Changes whenever keys were added or removed. Starts a read of the folder once per minute, without waiting for it.
   */
  edition(): number;
}

/** Opens the keys in a folder. Creates a key if there is none, or if the newest has another algorithm. */
export async function openKeys(parts: {
  readonly folder: string;
  readonly algorithm: KeyAlgorithm;
  readonly clock: () => number;
  /** Called when a read of the folder fails; the server keeps the keys that it has. */
  readonly report: (error: unknown) => void;
}): Promise<Keys> {
  const { folder, algorithm, clock, report } = parts;
  let keys = await readKeys(folder);
  if (keys[0]?.algorithm !== algorithm) keys = [await makeKey(folder, algorithm, clock()), ...keys];
  let edition = 0;
  let lookedAtMs = clock();
  let looking: Promise<void> | undefined;

  const look = async (): Promise<void> => {
    lookedAtMs = clock();
    try {
      const found = await readKeys(folder);
      const now = found.length > 0 ? found : [await makeKey(folder, algorithm, clock())];
      if (idsOf(now) === idsOf(keys)) return;
      keys = now;
      edition += 1;
    } catch (error) {
      report(error);
    }
  };
  const lookAfter = async (ms: number): Promise<void> => {
    const passedMs = clock() - lookedAtMs;
    // After the clock was set back, `passedMs` is negative: read the folder instead of waiting.
    if (passedMs >= 0 && passedMs < ms) return looking;
    looking ??= look().finally(() => {
      looking = undefined;
    });
    await looking;
  };
  const known = (id: string): SigningKey | undefined =>
    verifyingKeys(keys, clock()).find((key) => key.id === id);

  return {
    async signing() {
      await lookAfter(lookEveryMs);
      return newestOf(keys);
    },
    async find(id) {
      const found = known(id);
      if (found !== undefined) return found;
      await lookAfter(lookAgainMs);
      return known(id);
    },
    async published() {
      await lookAfter(lookEveryMs);
      return verifyingKeys(keys, clock()).map(publish);
    },
    edition() {
      void lookAfter(lookEveryMs);
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
  folder: string,
  algorithm: KeyAlgorithm,
  nowMs: number,
): Promise<SigningKey> {
  const made = await makeKey(folder, algorithm, nowMs);
  const keys = await readKeys(folder);
  for (const key of keys)
    if ((endOf(keys, key) ?? Infinity) <= nowMs) await removeKey(folder, key.id);
  return made;
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

/** Key administration for the CLI. A server may use the folder at the same time. */
export interface KeyRing {
  /** Newest first. */
  list(): Promise<readonly ListedKey[]>;
  isOver(endsAtMs: number | undefined): boolean;
  rotate(): Promise<SigningKey>;
  /** @param force removes the key also while its tokens are valid */
  remove(id: string, force: boolean): Promise<KeyRemoval>;
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
