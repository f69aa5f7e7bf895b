import { Command } from "commander";
import { dockerCredentials } from "./docker-credentials.ts";
import { CliError } from "./failure.ts";
import { createOutput, type Output } from "./output.ts";

export interface RemoteOptions {
  readonly host: string;
  readonly json?: true;
  readonly limit?: string;
}

/** A Berth server, called over HTTP with the credentials of `docker login`. */
export interface Remote {
  readonly output: Output;
  readonly get: <T>(path: string, query?: Query) => Promise<T>;
  readonly send: <T>(method: "POST" | "DELETE", path: string, body?: object) => Promise<T>;
  /** The items of a list, page by page, up to the limit. */
  readonly items: <T>(
    path: string,
    query: Query & { readonly limit?: number },
  ) => AsyncGenerator<T>;
}

type Query = Readonly<Record<string, string | number | undefined>>;

interface Page<T> {
  readonly next: string | null;
  readonly results: readonly T[];
}

const root = "/api/berth/v1";
const pageSize = 100;

/** A command that calls a server; by default the one on this machine. */
export function remoteCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option("--host <url>", "the server, as for docker login", "localhost:5000")
    .option("--json", "one JSON object a line, for programs");
}

export async function withRemote(
  options: RemoteOptions,
  work: (remote: Remote) => Promise<void>,
): Promise<void> {
  const base = baseOf(options.host);
  const credentials = await dockerCredentials(base.host);
  const headers: Record<string, string> = { accept: "application/json" };
  if (credentials !== undefined) {
    const pair = Buffer.from(`${credentials.name}:${credentials.secret}`).toString("base64");
    headers["authorization"] = `Basic ${pair}`;
  }
  const ask = async <T>(method: string, target: string, body?: object): Promise<T> => {
    const request = {
      ...{ method, headers: body ? { ...headers, "content-type": "application/json" } : headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    const response = await fetch(new URL(target, base), request).catch((error: unknown) => {
      throw new CliError(`${base.host} can't be reached: ${reasonOf(error)}`, { cause: error });
    });
    const text = await response.text();
    if (!response.ok) throw failureOf(response.status, text, base.host, credentials !== undefined);
    return (text === "" ? {} : parse(text, base.host)) as T;
  };
  const pathOf = (path: string, query: Query = {}): string => {
    const parameters = new URLSearchParams();
    for (const [key, value] of Object.entries(query))
      if (value !== undefined) parameters.set(key, String(value));
    return `${root}${path}${parameters.size > 0 ? `?${parameters.toString()}` : ""}`;
  };
  await work({
    output: createOutput(options),
    get: (path, query) => ask("GET", pathOf(path, query)),
    send: (method, path, body) => ask(method, pathOf(path), body),
    async *items<T>(path: string, { limit = Infinity, ...query }: Query & { limit?: number }) {
      let left = limit;
      let next: string | null = pathOf(path, { ...query, page_size: Math.min(left, pageSize) });
      while (next !== null && left > 0) {
        const page: Page<T> = await ask("GET", next);
        yield* page.results.slice(0, left);
        left -= page.results.length;
        // The URL of the server in its links may differ from the one in `--host`.
        const url = page.next === null ? undefined : new URL(page.next);
        next = url === undefined ? null : `${url.pathname}${url.search}`;
      }
    },
  });
}

/** The base URL of a host. Without a scheme: http for the loopback, else https, like docker. */
export function baseOf(host: string): URL {
  const isLocal = /^(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?\/?$/.test(host);
  const text = /^https?:\/\//.test(host) ? host : `${isLocal ? "http" : "https"}://${host}`;
  try {
    return new URL(text);
  } catch (error) {
    throw new CliError(`${host} is no address of a server`, { cause: error });
  }
}

function parse(text: string, host: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError(`${host} has not answered as a Berth does`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error) return cause.message || String((cause as NodeJS.ErrnoException).code);
  return error instanceof Error ? error.message : String(error);
}

function failureOf(status: number, text: string, host: string, isKnown: boolean): CliError {
  let said: string | undefined;
  try {
    said = (JSON.parse(text) as { message?: string }).message;
  } catch {
    said = undefined;
  }
  if (status === 401)
    return new CliError(
      isKnown
        ? `${host} does not take the password that docker has kept; log in again: docker login ${host}`
        : `${host} wants to know who you are: docker login ${host}`,
    );
  if (said === undefined) return new CliError(`${host} answered ${status}; is it a Berth?`);
  const what = said === "object not found" ? "there is no such repository" : said;
  const hint =
    status === 404 && !isKnown ? ` (or only for who has logged in: docker login ${host})` : "";
  return new CliError(`${what}${hint}`);
}

/** `--limit` as a number. */
export function limitOf({ limit }: RemoteOptions): { readonly limit?: number } {
  if (limit === undefined) return {};
  if (!/^[1-9]\d{0,8}$/.test(limit)) throw new CliError(`--limit is a number, not ${limit}`);
  return { limit: Number(limit) };
}
