import { chmod, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { parseKey, type KeyStore, type SigningKey } from "./key.ts";

/*
 * keys/            0700
 *   <ulid>.pem     0600  a private key (PKCS #8)
 * The file name is the key's id and has its creation time.
 */

const fileName = /^([0-9A-HJKMNP-TV-Z]{26})\.pem$/;

/** The keys in a folder, which the first key creates. */
export function createKeyFolder(folder: string): KeyStore {
  return {
    list: () => readKeys(folder),
    async add({ id, privateKey }) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await chmod(folder, 0o700);
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
      // Only the primary process and administrators add keys here. Both keys of two additions at once are valid.
      return true;
    },
    async remove(id) {
      await rm(path.join(folder, `${id}.pem`), { force: true });
      await syncFolder(folder);
    },
    reseal: () => Promise.resolve(undefined),
  };
}

/** Empty if the folder does not exist. Throws for a file that is not an ES256 or RS256 key. */
async function readKeys(folder: string): Promise<readonly SigningKey[]> {
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
  const key = parseKey(id, pem);
  // The message does not contain the bytes of the file.
  if (key === undefined)
    throw new Error(`${file} is not a private key for ES256 or RS256: remove the file`);
  return key;
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
