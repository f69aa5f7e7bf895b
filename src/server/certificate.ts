import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext, type Server } from "node:tls";
import { reasonOf } from "../config/problems.ts";
import type { Logger } from "../observability/logger.ts";

interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** The end of validity in the format of the certificate, such as `Nov 22 12:00:00 2126 GMT`. */
  readonly validTo: string;
  /** The same in milliseconds since the epoch. */
  readonly endsAtMs: number;
}

/**
 * Reads a certificate chain and its private key, both PEM.
 * @throws Error with a message for the user if a file cannot be read, is not PEM, or the key does not match the
 *   certificate
 */
export async function readCertificate(files: CertificateFiles): Promise<Certificate> {
  const cert = await read(files.cert, "tls.cert");
  const key = await read(files.key, "tls.key");
  try {
    createSecureContext({ cert, key });
    const { validTo } = new X509Certificate(cert);
    return { cert, key, validTo, endsAtMs: Date.parse(validTo) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`tls.cert ${files.cert} and tls.key ${files.key} cannot be used: ${reason}`, {
      cause,
    });
  }
}

/**
 * Reads the files again and uses the new certificate, and returns it. If it is invalid, logs that and keeps the old one.
 */
export async function reloadCertificate(
  server: Pick<Server, "setSecureContext">,
  files: CertificateFiles,
  logger: Logger,
): Promise<Certificate | undefined> {
  try {
    const renewed = await readCertificate(files);
    server.setSecureContext(renewed);
    logger.info({ validTo: renewed.validTo }, "certificate read again");
    return renewed;
  } catch (error) {
    logger.error({ err: error }, "the new certificate is not used, the old one stays");
    return undefined;
  }
}

async function read(file: string, key: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new Error(`${key} ${file} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}
