import { readFile } from "node:fs/promises";
import { readHost } from "../../config/sources.ts";
import { dockerCredentials, type DockerCredentials } from "./docker-credentials.ts";
import { CliError, NoBerthServerError, UsageError } from "./failure.ts";
import { limitOf, localServer, type RemoteOptions } from "./options.ts";
import { createSay, printError, tableOf, type Say } from "./output.ts";
import { createConnection, type Connection } from "./remote-connection.ts";

/** A Berth server, called over HTTP with the credentials of `docker login`. */
export interface Remote {
  readonly say: Say;
  readonly get: <T>(answer: Schema<T>, path: string, query?: Query) => Promise<T>;
  readonly post: <T>(answer: Schema<T>, path: string, body: object) => Promise<T>;
  readonly put: <T>(answer: Schema<T>, path: string, body: object) => Promise<T>;
  readonly patch: <T>(answer: Schema<T>, path: string, body: object) => Promise<T>;
  /** A POST whose answer has no body. */
  readonly send: (path: string, body: object) => Promise<void>;
  readonly delete: (path: string) => Promise<void>;
  /** The items of all pages of a list. */
  readonly items: <T>(page: Schema<Page<T>>, path: string, query?: Query) => AsyncIterable<T>;
  /** Prints a list, up to `--limit`: as a table, or with `--json` one item per line. */
  readonly sayList: <T>(list: RemoteList<T>) => Promise<void>;
}

type Query = Readonly<Record<string, string | number | undefined>>;

/** A schema of `src/api` without transformations. Throws if the value is not an answer of this kind. */
interface Schema<T> {
  parse(value: unknown): T;
}

interface RemoteList<T> {
  readonly page: Schema<Page<T>>;
  readonly path: string;
  readonly query?: Query;
  readonly heads: readonly string[];
  readonly rowOf: (item: T) => readonly string[];
}

interface Page<T> {
  readonly next: string | null;
  readonly results: readonly T[];
}

type Ask = <T>(
  answer: Schema<T> | undefined,
  request: { readonly method: string; readonly target: string; readonly body?: object },
) => Promise<T>;

const root = "/api/berth/v1";
const pageSize = 100;

/** Calls the server of `--host`. A failure becomes one line. */
export async function withRemote(
  options: RemoteOptions,
  work: (remote: Remote) => Promise<void>,
): Promise<void> {
  const base = baseOf(options.host ?? readHost() ?? localServer);
  const given = await givenCredentials(options);
  const credentials = given ?? (await dockerCredentials(base.host));
  const connection = await createConnection(base, options);
  const source = credentials && (given === undefined ? "docker" : "--login");
  try {
    await work(createRemote(createAsk(connection, { credentials, source }), options));
  } catch (error) {
    if (!(error instanceof NoBerthServerError) || options.isHostOfName !== true) throw error;
    const { host } = base;
    throw new CliError(
      `${error.message}. If ${host} is a mirror, name the Berth server that has it with --host`,
      { cause: error },
    );
  }
}

/** The credentials of `--login` and `--password-file`; `undefined`: those of `docker login`. */
async function givenCredentials({
  login: name,
  passwordFile,
}: RemoteOptions): Promise<DockerCredentials | undefined> {
  if (name === undefined && passwordFile === undefined) return undefined;
  if (name === undefined || passwordFile === undefined)
    throw new UsageError("--login and --password-file belong together");
  try {
    const [secret = ""] = (await readFile(passwordFile, "utf8")).split(/\r?\n/);
    return { name, secret };
  } catch (error) {
    throw new CliError(`cannot read ${passwordFile}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function createRemote(ask: Ask, options: RemoteOptions): Remote {
  const say = createSay(options);
  const change =
    (method: string): Remote["post"] =>
    (answer, path, body) =>
      ask(answer, { method, target: targetOf(path), body });
  return {
    say,
    get: (answer, path, query) => ask(answer, { method: "GET", target: targetOf(path, query) }),
    post: change("POST"),
    put: change("PUT"),
    patch: change("PATCH"),
    send: (path, body) => ask(undefined, { method: "POST", target: targetOf(path), body }),
    items: (page, path, query = {}) => itemsOf(ask, { page, path, query }, {}),
    delete: (path) => ask(undefined, { method: "DELETE", target: targetOf(path) }),
    sayList: async <T>({ page, path, query = {}, heads, rowOf }: RemoteList<T>) => {
      const rows: (readonly string[])[] = [];
      for await (const item of itemsOf(ask, { page, path, query }, limitOf(options))) {
        if (options.json) say(item as object);
        else rows.push(rowOf(item));
      }
      if (options.json) return;
      if (rows.length === 0) printError("nothing found\n");
      else say({}, ...tableOf(heads, rows));
    },
  };
}

/** Where the credentials come from. */
type Source = "docker" | "--login" | undefined;

function createAsk(
  connection: Connection,
  {
    credentials,
    source,
  }: { readonly credentials: DockerCredentials | undefined; readonly source: Source },
): Ask {
  const { host } = connection;
  const headers: Record<string, string> = { accept: "application/json" };
  if (credentials !== undefined) {
    const pair = Buffer.from(`${credentials.name}:${credentials.secret}`).toString("base64");
    headers["authorization"] = `Basic ${pair}`;
  }
  return async <T>(
    answer: Schema<T> | undefined,
    { method, target, body }: Parameters<Ask>[1],
  ): Promise<T> => {
    const { status, text } = await connection.request({
      ...{ method, target },
      headers: body === undefined ? headers : { ...headers, "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (status >= 300) throw responseFailure(status, text, host, source);
    return answer === undefined ? (undefined as T) : checked(answer, text, host);
  };
}

function targetOf(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query))
    if (value !== undefined) parameters.set(key, String(value));
  // The Docker-Hub-shaped API has paths of its own.
  const whole = path.startsWith("/v2/") ? path : root + path;
  return `${whole}${parameters.size > 0 ? `?${parameters.toString()}` : ""}`;
}

/** The items of a list, page by page, up to the limit. */
async function* itemsOf<T>(
  ask: Ask,
  { page: answer, path, query }: Pick<RemoteList<T>, "page" | "path" | "query">,
  { limit = Infinity }: { readonly limit?: number },
): AsyncGenerator<T> {
  let left = limit;
  let next: string | null = targetOf(path, { ...query, page_size: Math.min(left, pageSize) });
  while (next !== null && left > 0) {
    const page: Page<T> = await ask(answer, { method: "GET", target: next });
    yield* page.results.slice(0, left);
    left -= page.results.length;
    // The URL of the server in its links may differ from the one in `--host`.
    const url = page.next === null ? undefined : new URL(page.next);
    next = url === undefined ? null : `${url.pathname}${url.search}`;
  }
}

/** The base URL of a host. Without a scheme: http for the loopback, else https, like docker. */
export function baseOf(host: string): URL {
  const isLocal = /^(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?\/?$/.test(host);
  const text = /^https?:\/\//.test(host) ? host : `${isLocal ? "http" : "https"}://${host}`;
  try {
    return new URL(text);
  } catch (error) {
    throw new UsageError(`${host} is not the address of a server: write HOST, HOST:PORT or a URL`, {
      cause: error,
    });
  }
}

/**
 * The answer as the server sent it: `--json` also prints the fields of a newer server, which the result of the schema
 * does not have.
 */
function checked<T>(answer: Schema<T>, text: string, host: string): T {
  try {
    const sent = JSON.parse(text) as T;
    answer.parse(sent);
    return sent;
  } catch (error) {
    throw new NoBerthServerError(`${host} is not a Berth server, or not of this version`, {
      cause: error,
    });
  }
}

function loginFailure(host: string, source: Source): string {
  switch (source) {
    case "docker":
      return `${host} rejects the password that docker has stored; log in again: docker login ${host}`;
    case "--login":
      return `${host} rejects the user name or the password of --login`;
    case undefined:
      return `${host} requires a login: docker login ${host}`;
  }
}

function responseFailure(status: number, text: string, host: string, source: Source): CliError {
  if (status === 401) return new CliError(loginFailure(host, source));
  const message = messageOf(text);
  if (message === undefined)
    return new NoBerthServerError(
      `${host} answered ${status} without a message: it may not be a Berth server`,
    );
  const what = message === "object not found" ? "there is no such repository" : message;
  const hint =
    status === 404 && source === undefined
      ? ` (or it is visible only after docker login ${host})`
      : "";
  return new CliError(`${what}${hint}`);
}

function messageOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { message?: string }).message;
  } catch {
    return undefined;
  }
}
