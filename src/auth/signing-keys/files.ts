import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { chmod, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { decodeTime, ulid } from "ulid";

/*
 * keys/            0700
 *   <ulid>.pem     0600  a private key (PKCS #8)
 * The file name is the key's id and has its creation time. The newest key signs.
 */

export type KeyAlgorithm = "ES256" | "RS256";

export interface SigningKey {
  /** The `kid` of every token that it signs. */
  readonly id: string;
  readonly algorithm: KeyAlgorithm;
  readonly createdAtMs: number;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const generate = promisify(generateKeyPair);
const fileName = /^([0-9A-HJKMNP-TV-Z]{26})\.pem$/;

/**
 * The keys in a folder, newest first; empty if the folder does not exist. Throws for a file that is not an ES256 or
 * RS256 key.
 */
export async function readKeys(folder: string): Promise<readonly SigningKey[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const ids = names.flatMap((name) => fileName.exec(name)?.[1] ?? []);
  const keys = await Promise.all(ids.toSorted().map((id) => readKey(folder, id)));
  return keys.filter((key) => key !== undefined).toReversed();
}

/** `undefined`: another process has just removed the file. */
async function readKey(folder: string, id: string): Promise<SigningKey | undefined> {
  const file = path.join(folder, `${id}.pem`);
  let pem: string;
  try {
    pem = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const privateKey = readPem(pem);
  const algorithm = privateKey && algorithmOf(privateKey);
  // The message does not contain the bytes of the file.
  if (privateKey === undefined || algorithm === undefined)
    throw new Error(`${file} is not a private key for ES256 or RS256: remove the file`);
  const publicKey = createPublicKey(privateKey);
  return { id, algorithm, createdAtMs: decodeTime(id), privateKey, publicKey };
}

function readPem(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
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

/**
 * Creates a key and writes it durably (fsync of file and folder). Its id is higher than all others, also after the
 * clock was set back.
 */
export async function makeKey(
  folder: string,
  algorithm: KeyAlgorithm,
  nowMs: number,
): Promise<SigningKey> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const [newest] = await readKeys(folder);
  const id = ulid(newest === undefined ? nowMs : Math.max(nowMs, newest.createdAtMs + 1));
  const { privateKey, publicKey } = await (algorithm === "ES256"
    ? generate("ec", { namedCurve: "P-256" })
    : generate("rsa", { modulusLength: 3072 }));
  const file = path.join(folder, `${id}.pem`);
  const handle = await open(`${file}.new`, "wx", 0o600);
  try {
    await handle.writeFile(privateKey.export({ type: "pkcs8", format: "pem" }));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
  await syncFolder(folder);
  return { id, algorithm, createdAtMs: decodeTime(id), privateKey, publicKey };
}

export async function removeKey(folder: string, id: string): Promise<void> {
  await rm(path.join(folder, `${id}.pem`), { force: true });
  await syncFolder(folder);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
