import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { decodeTime, ulid } from "ulid";

export type KeyAlgorithm = "ES256" | "RS256";

export interface SigningKey {
  /** The `kid` of every token that it signs: a ULID, with the creation time. */
  readonly id: string;
  readonly algorithm: KeyAlgorithm;
  readonly createdAtMs: number;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Where the signing keys are kept, for all processes that share them. The newest key signs. */
export interface KeyStore {
  /** Newest first. Throws if a key cannot be read. */
  list(): Promise<readonly SigningKey[]>;
  /**
   * Adds a key durably.
   * @param before id of the newest key that the caller knows
   * @returns false, and adds nothing, if another process has added a key that is newer than `before`
   */
  add(key: SigningKey, before: string | undefined): Promise<boolean>;
  /** Does nothing if there is no such key. */
  remove(id: string): Promise<void>;
  /** Encrypts all keys again, with the current secret. Returns their ids; `undefined`: the store does not encrypt. */
  reseal(): Promise<readonly string[] | undefined>;
}

const generate = promisify(generateKeyPair);

/**
 * Adds a new key, unless `isEnough` accepts the keys that are there. Its id is higher than all others, also after the
 * clock was set back. Several processes that call this at the same time for the same need add one key.
 * @returns all keys, newest first
 */
export async function addKey(
  store: KeyStore,
  { algorithm, nowMs }: { readonly algorithm: KeyAlgorithm; readonly nowMs: number },
  isEnough: (keys: readonly SigningKey[]) => boolean,
): Promise<readonly SigningKey[]> {
  for (;;) {
    const keys = await store.list();
    if (isEnough(keys)) return keys;
    const [newest] = keys;
    const id = ulid(newest === undefined ? nowMs : Math.max(nowMs, newest.createdAtMs + 1));
    const { privateKey, publicKey } = await (algorithm === "ES256"
      ? generate("ec", { namedCurve: "P-256" })
      : generate("rsa", { modulusLength: 3072 }));
    const key = { id, algorithm, createdAtMs: decodeTime(id), privateKey, publicKey };
    if (await store.add(key, newest?.id)) return [key, ...keys];
  }
}

/** The key with this id in PKCS #8; `undefined`: the text or the bytes are no key for ES256 or RS256. */
export function parseKey(id: string, pkcs8: string | Buffer): SigningKey | undefined {
  const privateKey = readPrivateKey(pkcs8);
  const algorithm = privateKey && algorithmOf(privateKey);
  if (privateKey === undefined || algorithm === undefined) return undefined;
  const publicKey = createPublicKey(privateKey);
  return { id, algorithm, createdAtMs: decodeTime(id), privateKey, publicKey };
}

function readPrivateKey(pkcs8: string | Buffer): KeyObject | undefined {
  try {
    return typeof pkcs8 === "string"
      ? createPrivateKey(pkcs8)
      : createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  } catch {
    return undefined;
  }
}

function algorithmOf({
  asymmetricKeyType,
  asymmetricKeyDetails,
}: KeyObject): KeyAlgorithm | undefined {
  if (asymmetricKeyType === "ec")
    return asymmetricKeyDetails?.namedCurve === "prime256v1" ? "ES256" : undefined;
  if (asymmetricKeyType === "rsa")
    return (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048 ? "RS256" : undefined;
  return undefined;
}
