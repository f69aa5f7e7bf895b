import { makeKey, readKeys, removeKey, type KeyAlgorithm, type SigningKey } from "./files.ts";

export type { KeyAlgorithm, SigningKey };

/** How long a token is good for: what was taken away from its owner is gone after this time at the latest. */
export const tokenLifeSeconds = 300;

/** A running server looks for new keys this often … */
const lookEveryMs = 60_000;
/** … and at once when a token names a key that it does not know, but not more often than this. */
const lookAgainMs = 5000;
/** A key verifies for so long after its successor was made: until servers sign with that, and the last token is over. */
export const overlapMs = tokenLifeSeconds * 1000 + 5 * lookEveryMs;

/** A public key as RFC 7517 writes it. */
export interface PublishedKey {
  readonly kid: string;
  readonly alg: KeyAlgorithm;
  readonly use: "sig";
  readonly [member: string]: unknown;
}

/** The keys of a running server. */
export interface Keys {
  /** The key that signs. */
  signing(): Promise<SigningKey>;
  /** The key of this id, if tokens that it signed are still good. */
  find(id: string): Promise<SigningKey | undefined>;
  /** Every key that {@link find} knows, the one that signs first. */
  published(): Promise<readonly PublishedKey[]>;
  /** Another number whenever keys came or went; looks for that now and then, without waiting. */
  edition(): number;
}

/** Opens the keys in a folder; makes the first one, or the first one of another algorithm. */
export async function openKeys(parts: {
  readonly folder: string;
  readonly algorithm: KeyAlgorithm;
  readonly clock: () => number;
  /** Told of a look that failed; the keys that were known stay. */
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
    // A clock that was set back has passed nothing, and is no reason to stop looking.
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

/** When tokens of a key stop being good; `undefined` for the one that signs. */
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

/** Makes the key that signs from now on. Those before it verify for {@link overlapMs} more; those beyond that go. */
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
