import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";

/** A secret text that a passphrase has encrypted, for a backup. The texts are Base64. */
export interface PassphraseSealed {
  readonly method: "scrypt, aes-256-gcm";
  /** The parameters N, r and p of scrypt. */
  readonly cost: readonly [number, number, number];
  readonly salt: string;
  readonly nonce: string;
  /** The encrypted text, and the authentication tag of 16 bytes. */
  readonly sealed: string;
}

const tagBytes = 16;
/** 128 MiB and about 0.4 s for each guess. */
const cost = [2 ** 17, 8, 1] as const;
/** A damaged or changed backup must not ask for more memory. */
const memoryAtMost = 1024 * 2 ** 20;

/**
 * Encrypts a text with a passphrase.
 * @param subject is authenticated too: {@link openWithPassphrase} needs the same
 */
export async function sealWithPassphrase(
  plain: string,
  passphrase: string,
  subject: string,
): Promise<PassphraseSealed> {
  const [salt, nonce] = [randomBytes(16), randomBytes(12)];
  const aesKey = await derive(passphrase, salt, cost);
  const cipher = createCipheriv("aes-256-gcm", aesKey, nonce).setAAD(Buffer.from(subject));
  const encrypted = [cipher.update(plain), cipher.final(), cipher.getAuthTag()];
  return {
    method: "scrypt, aes-256-gcm",
    cost,
    salt: salt.toString("base64"),
    nonce: nonce.toString("base64"),
    sealed: Buffer.concat(encrypted).toString("base64"),
  };
}

/** The text; `undefined`: the passphrase is another one. */
export async function openWithPassphrase(
  text: PassphraseSealed,
  passphrase: string,
  subject: string,
): Promise<string | undefined> {
  const sealed = Buffer.from(text.sealed, "base64");
  const aesKey = await derive(passphrase, Buffer.from(text.salt, "base64"), text.cost);
  const nonce = Buffer.from(text.nonce, "base64");
  try {
    const decipher = createDecipheriv("aes-256-gcm", aesKey, nonce, { authTagLength: tagBytes })
      .setAAD(Buffer.from(subject))
      .setAuthTag(sealed.subarray(-tagBytes));
    const opened = [decipher.update(sealed.subarray(0, -tagBytes)), decipher.final()];
    return Buffer.concat(opened).toString();
  } catch {
    return undefined;
  }
}

function derive(
  passphrase: string,
  salt: Buffer,
  [N, r, p]: PassphraseSealed["cost"],
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize(), salt, 32, { N, r, p, maxmem: memoryAtMost }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}
