import type { Database } from "../../database/contract.ts";
import { parseKey, type KeyStore, type SigningKey } from "./key.ts";
import { createSealing } from "./sealing.ts";

/** A signing key in the database was encrypted with another secret, or there is no secret. */
class KeySecretError extends Error {
  override readonly name = "KeySecretError";
}

/**
 * The keys in the table `signing_keys`, encrypted. `list` and `reseal` throw KeySecretError if no secret opens a key.
 * @param secret `auth.keySecret`
 * @param oldSecret `auth.oldKeySecret`
 * @throws KeySecretError without a secret
 */
export function createKeyTable(
  { signingKeys, commands }: Pick<Database, "signingKeys" | "commands">,
  secret: string | undefined,
  oldSecret: string | undefined,
): KeyStore {
  if (secret === undefined)
    throw new KeySecretError("the keys in the database need auth.keySecret");
  const sealing = createSealing({ current: secret, old: oldSecret });

  const list = async (): Promise<readonly SigningKey[]> => {
    const rows = await signingKeys.list();
    return rows.map(({ id, sealed }) => {
      const pkcs8 = sealing.open(id, sealed);
      const key = pkcs8 && parseKey(id, pkcs8);
      if (key === undefined) throw new KeySecretError(explainSecret(id));
      return key;
    });
  };
  const seal = ({ id, privateKey }: SigningKey) => ({
    id,
    sealed: sealing.seal(id, privateKey.export({ type: "pkcs8", format: "der" })),
  });
  return {
    list,
    add: (key, before) => {
      const { algorithm, createdAtMs } = key;
      return commands.addSigningKey({ ...seal(key), algorithm, createdAtMs, before });
    },
    remove: (id) => commands.removeSigningKey({ id }),
    async reseal() {
      const keys = (await list()).map(seal);
      await commands.resealSigningKeys({ keys });
      return keys.map(({ id }) => id);
    },
  };
}

const explainSecret = (id: string): string =>
  `auth.keySecret does not open the signing key ${id} of the database: another secret has encrypted it. ` +
  `Set that secret, or set it as auth.oldKeySecret and run "berth keys reseal". ` +
  `If it is lost, delete the rows of the table signing_keys: then all tokens and sessions end`;
