import { readFile } from "node:fs/promises";
import * as http from "node:http";
import * as https from "node:https";
import { text as textOf } from "node:stream/consumers";
import { CliError, NoBerthServerError } from "./failure.ts";
import type { RemoteOptions } from "./options.ts";

/** Requests to one server. */
export interface Connection {
  /** `registry.example.com:5000` */
  readonly host: string;
  /** Throws CliError if there is no answer. */
  readonly request: (request: {
    readonly method: string;
    /** Path and query. */
    readonly target: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string | undefined;
  }) => Promise<{ readonly status: number; readonly text: string }>;
}

/** The time for the server to answer. */
const timeoutMs = 300_000;

/** Reads the file of `--ca`. */
export async function createConnection(
  base: URL,
  { ca: file, insecure }: Pick<RemoteOptions, "ca" | "insecure">,
): Promise<Connection> {
  const ca = file === undefined ? undefined : await readCertificates(file);
  const trust = { ...(ca && { ca }), rejectUnauthorized: insecure !== true };
  const { host } = base;
  return {
    host,
    async request({ method, target, headers, body }) {
      try {
        const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
          const url = new URL(target, base);
          const options = { method, headers, timeout: timeoutMs };
          const request =
            base.protocol === "https:"
              ? https.request(url, { ...options, ...trust }, resolve)
              : http.request(url, options, resolve);
          request.on("error", reject);
          request.on("timeout", () =>
            request.destroy(new Error(`no answer for ${timeoutMs / 1000} s`)),
          );
          request.end(body);
        });
        const text = await textOf(response);
        const { statusCode: status = 0, headers: answered } = response;
        const moved = answered.location;
        if (status >= 300 && status < 400 && moved !== undefined && URL.canParse(moved))
          throw new NoBerthServerError(`${host} redirects: write --host ${new URL(moved).origin}`);
        if (status === 400 && base.protocol === "http:" && /https/i.test(text) && !isJson(text))
          throw new CliError(speaksTls(host));
        return { status, text };
      } catch (error) {
        throw error instanceof CliError ? error : connectionFailure(error, base);
      }
    },
  };
}

async function readCertificates(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new CliError(`cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
}

const isJson = (text: string): boolean => text.startsWith("{");
const speaksTls = (host: string): string => `${host} expects TLS: write --host https://${host}`;

/** What OpenSSL and Node say of a certificate that they do not trust. */
const untrusted = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

function connectionFailure(error: unknown, { host, protocol }: URL): CliError {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const failure = (text: string): CliError => new CliError(text, { cause: error });
  if (protocol === "https:" && (code === "EPROTO" || code.startsWith("ERR_SSL_")))
    return failure(
      /wrong version number|packet length too long/i.test(message)
        ? `${host} does not use TLS: write --host http://${host}`
        : `cannot reach ${host} by TLS: ${message}`,
    );
  if (protocol === "http:" && code.startsWith("HPE_")) return failure(speaksTls(host));
  // Node's TLS servers end the connection of a client that speaks plain http.
  if (protocol === "http:" && code === "ECONNRESET")
    return failure(
      `${host} closed the connection: if it expects TLS, write --host https://${host}`,
    );
  if (untrusted.has(code))
    return failure(
      `the certificate of ${host} is signed by an unknown authority: name it with --ca FILE, or do not verify it with --insecure`,
    );
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return failure(`the certificate of ${host} is for another name: ${message}`);
  if (code === "CERT_HAS_EXPIRED") return failure(`the certificate of ${host} has expired`);
  return new NoBerthServerError(`cannot reach ${host}: ${reasonOf(error as Error)}`, {
    cause: error,
  });
}

/** An AggregateError has the failures of all addresses of a name. */
const reasonOf = (error: Error): string =>
  error instanceof AggregateError && error.errors[0] instanceof Error
    ? error.errors[0].message
    : error.message || String((error as NodeJS.ErrnoException).code);
