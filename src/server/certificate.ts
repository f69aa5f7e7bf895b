import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext, type Server } from "node:tls";
import { reasonOf } from "../config/problems.ts";
import type { Logger } from "../observability/logger.ts";

interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** The end of validity in the format of the certificate, such as `Nov 22 12:00:00 2126 GMT`. */
  readonly validTo: string;
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
    return { cert, key, validTo: new X509Certificate(cert).validTo };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`tls.cert ${files.cert} and tls.key ${files.key} cannot be used: ${reason}`, {
      cause,
    });
  }
}

/** Reads the files again and uses the new certificate. If it is invalid, logs that and keeps the old one. */
export async function reloadCertificate(
  server: Pick<Server, "setSecureContext">,
  files: CertificateFiles,
  logger: Logger,
): Promise<void> {
  try {
    const renewed = await readCertificate(files);
    server.setSecureContext(renewed);
    logger.info({ validTo: renewed.validTo }, "certificate read again");
  } catch (error) {
    logger.error({ err: error }, "the new certificate is not used, the old one stays");
  }
}

async function read(file: string, key: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new Error(`${key} ${file} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}
