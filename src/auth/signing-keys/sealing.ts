import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

/*
 * A sealed key: version (1 byte, 1) | nonce (12 bytes) | PKCS #8 in AES-256-GCM | authentication tag (16 bytes).
 * The AES key is derived from the secret by HKDF-SHA256. The id of the signing key is additional authenticated data, so
 * a sealed key under another id does not open.
 */

const version = 1;
const nonceBytes = 12;
const tagBytes = 16;

/** Encrypts and decrypts private keys. */
export interface Sealing {
  /** Encrypts with the current secret. */
  seal(id: string, pkcs8: Buffer): Buffer;
  /** `undefined`: neither the current secret nor the old one has encrypted these bytes for this id. */
  open(id: string, sealed: Uint8Array): Buffer | undefined;
}

/** Secrets of the configuration. */
export interface KeySecrets {
  readonly current: string;
  /** The earlier secret, while keys are still encrypted with it. */
  readonly old: string | undefined;
}

export function createSealing(secrets: KeySecrets, purpose = "berth signing keys"): Sealing {
  const currentKey = aesKeyOf(secrets.current, purpose);
  const aesKeys = [
    currentKey,
    ...(secrets.old === undefined ? [] : [aesKeyOf(secrets.old, purpose)]),
  ];
  return {
    seal(id, pkcs8) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", currentKey, nonce).setAAD(Buffer.from(id));
      const encrypted = [cipher.update(pkcs8), cipher.final()];
      return Buffer.concat([Buffer.of(version), nonce, ...encrypted, cipher.getAuthTag()]);
    },
    open(id, sealed) {
      for (const aesKey of aesKeys) {
        const opened = decrypt(aesKey, id, Buffer.from(sealed));
        if (opened !== undefined) return opened;
      }
      return undefined;
    },
  };
}

function aesKeyOf(secret: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", purpose, 32));
}

function decrypt(aesKey: Buffer, id: string, sealed: Buffer): Buffer | undefined {
  if (sealed[0] !== version || sealed.length < 1 + nonceBytes + tagBytes) return undefined;
  const nonce = sealed.subarray(1, 1 + nonceBytes);
  const options = { authTagLength: tagBytes };
  const decipher = createDecipheriv("aes-256-gcm", aesKey, nonce, options)
    .setAAD(Buffer.from(id))
    .setAuthTag(sealed.subarray(-tagBytes));
  try {
    const encrypted = sealed.subarray(1 + nonceBytes, -tagBytes);
    return Buffer.concat([decipher.update(encrypted), decipher.final()]);
  } catch {
    return undefined;
  }
}
