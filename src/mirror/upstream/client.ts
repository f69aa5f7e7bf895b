import { Readable } from "node:stream";
import { request, type Dispatcher } from "undici";
import { checkLiteral } from "./addresses.ts";
import { createUpstreamRateLimit, readRetryAfter, type UpstreamRateLimit } from "./rate-limit.ts";
import { createCircuitBreaker } from "./circuit-breaker.ts";
import type { ResponseReader } from "./bodies.ts";
import { parseChallenge } from "./challenge.ts";
import { connectionFailure, oneOf, openConnections } from "./connection.ts";
import type { Counters } from "../counters.ts";
import { createCredential } from "./credential.ts";
import { isOutage, UpstreamFailure } from "./failure.ts";
import type { MirrorSettings, ProxySettings } from "../settings.ts";
import type { UpstreamState } from "./state.ts";
import { createUpstreamTokens, type AskTokenService } from "./tokens.ts";

export interface UpstreamRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  /** The upstream's name of the repository; `path` is relative to `/v2/<name>/`. */
  readonly name: string;
  readonly path: string;
  /** A `Location` from the upstream, used instead of `path`. `query` is added to its query. */
  readonly location?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Called once for each attempt, because a retry after 401 sends the body again. */
  readonly body?: () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** A 2xx response. The caller must read the body to its end, or destroy it. */
export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData["headers"];
  readonly body: Dispatcher.ResponseData["body"];
}

export interface Upstream {
  /**
   * Sends a request. Throws {@link UpstreamFailure} for every response that is not 2xx, and for a failed connection.
   */
  ask(request: UpstreamRequest): Promise<UpstreamAnswer>;
  readonly rateLimit: UpstreamRateLimit;
  close(): Promise<void>;
}

const redirectsAtMost = 5;
const tokenBytesAtMost = 128 * 1024;
const agent = "berth-mirror";

/**
 * The HTTP client of one upstream registry. It sends no header of Berth's own clients to the upstream, and Berth's
 * clients receive no credential of the upstream.
 */
export function createUpstream(
  settings: MirrorSettings,
  parts: {
    readonly proxies: ProxySettings;
    readonly responses: ResponseReader;
    readonly clock: () => number;
    readonly counters: Counters;
    readonly state: Pick<UpstreamState, "failed" | "succeeded">;
  },
): Upstream {
  const { responses, clock, counters } = parts;
  const base = new URL(settings.upstream);
  const dispatcher = openConnections(settings, parts.proxies);
  const circuitBreaker = createCircuitBreaker(clock);
  const rateLimit = createUpstreamRateLimit(clock);

  /** Allows `https:`, and `http:` only from an `http:` URL. Rejects private addresses unless `allowPrivateNetwork`. */
  const check = (url: URL, from: URL): void => {
    const plain = url.protocol === "http:" && from.protocol === "http:";
    if (url.protocol !== "https:" && !plain)
      throw new UpstreamFailure(
        "serverError",
        `${base.host} sends us to ${url.protocol}//${url.host}`,
      );
    if (!settings.allowPrivateNetwork) checkLiteral(url);
  };

  const send = async (
    { url, from = base }: { readonly url: URL; readonly from?: URL },
    method: UpstreamRequest["method"],
    headers: Readonly<Record<string, string>>,
    body?: UpstreamRequest["body"],
  ): Promise<Dispatcher.ResponseData> => {
    try {
      check(url, from);
      counters.add("upstreamRequests");
      return await request(url, {
        method,
        headers: { "user-agent": agent, ...headers },
        dispatcher,
        ...(body === undefined ? {} : { body: Readable.from(body(), { objectMode: false }) }),
      });
    } catch (error) {
      throw connectionFailure(error, url.host);
    }
  };

  const askTokenService: AskTokenService = async ({ url, authorization }) => {
    const sent = authorization === undefined ? {} : { authorization };
    const answer = await send({ url }, "GET", sent);
    const options = { limitBytes: tokenBytesAtMost };
    const text = await responses.read(answer, options, (bytes) => bytes.toString("utf8"));
    const { statusCode: status } = answer;
    if (status === 429) throw limited(answer, url.host);
    if (status === 401 && authorization !== undefined)
      throw new UpstreamFailure("serverError", `${url.host} does not take our password`, {
        status,
      });
    if (status === 401 || status === 403)
      throw new UpstreamFailure("refused", `${url.host} gives us no token`, { status });
    if (status !== 200) throw unexpected(url.host, status);
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      throw new UpstreamFailure("serverError", `${url.host} answers with what is no JSON`, {
        cause,
      });
    }
  };
  const credential = createCredential(settings);
  const tokens = createUpstreamTokens({ upstream: base, credential, ask: askTokenService, clock });

  const limited = (answer: Dispatcher.ResponseData, host: string): UpstreamFailure => {
    counters.add("upstreamLimited");
    const retryAfterSeconds = readRetryAfter(oneOf(answer.headers["retry-after"]), clock());
    rateLimit.limited(retryAfterSeconds);
    const message = `${host} wants fewer requests`;
    return new UpstreamFailure("limited", message, { status: 429, retryAfterSeconds });
  };

  const placeOf = ({ name, path, location, query = {} }: UpstreamRequest): URL => {
    const home = `${settings.upstream}/v2/${name}/`;
    const text = location ?? `${home}${path}`;
    if (!URL.canParse(text, home)) throw unexpected(base.host, 202);
    const url = new URL(text, home);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    return url;
  };

  /**
   * Follows at most 5 redirects, and none for POST and PUT. The credential goes only to the upstream's own origin, and
   * not after a redirect to another origin: that origin could redirect back to content that only the mirror's account
   * may read.
   */
  const follow = async (
    asked: UpstreamRequest,
    authorization: string | undefined,
  ): Promise<{ readonly answer: Dispatcher.ResponseData; readonly url: URL }> => {
    let url = placeOf(asked);
    let from = base;
    let hasLeft = false;
    for (let redirects = 0; redirects <= redirectsAtMost; redirects += 1) {
      const isHome = url.origin === base.origin;
      hasLeft ||= !isHome;
      const shown = hasLeft || authorization === undefined ? {} : { authorization };
      const headers = { ...asked.headers, ...shown };
      const answer = await send({ url, from }, asked.method, headers, asked.body);
      if (isHome) rateLimit.read(answer.headers);
      const location = oneOf(answer.headers["location"]);
      if (![301, 302, 303, 307, 308].includes(answer.statusCode) || location === undefined)
        return { answer, url };
      if (asked.method === "POST" || asked.method === "PUT") return { answer, url };
      await discard(answer);
      if (!URL.canParse(location, url.href)) throw unexpected(url.host, answer.statusCode);
      from = url;
      url = new URL(location, url);
    }
    throw new UpstreamFailure("serverError", `${base.host} redirects us without end`);
  };

  const judge = async ({
    answer,
    url,
  }: {
    readonly answer: Dispatcher.ResponseData;
    readonly url: URL;
  }): Promise<UpstreamAnswer> => {
    const { statusCode: status, headers, body } = answer;
    const isPage = /^text\/html\b/i.test(oneOf(headers["content-type"]) ?? "");
    if (status >= 200 && status < 300 && !isPage) return { status, headers, body };
    await discard(answer);
    const isHome = url.origin === base.origin;
    if (status === 429) throw limited(answer, url.host);
    // An HTML page comes from a proxy or a captive portal, not from the registry: its status says nothing.
    if (isHome && !isPage && status === 404)
      throw new UpstreamFailure("absent", `${url.host} does not have it`, { status });
    if (isHome && !isPage && (status === 401 || status === 403))
      throw new UpstreamFailure("refused", `${url.host} does not show it to us`, { status });
    if (isHome && !isPage && status === 416)
      throw new UpstreamFailure("badResponse", `${url.host} has fewer bytes`, { status });
    throw unexpected(url.host, status);
  };

  const attempt = async (asked: UpstreamRequest): Promise<UpstreamAnswer> => {
    const isWrite = asked.method === "POST" || asked.method === "PUT";
    const scope = `repository:${asked.name}:${isWrite ? "pull,push" : "pull"}`;
    const shown = await tokens.known(scope);
    const first = await follow(asked, shown);
    if (first.answer.statusCode !== 401 || first.url.origin !== base.origin)
      return await judge(first);
    const challenge = parseChallenge(
      [first.answer.headers["www-authenticate"] ?? []].flat().join(", "),
    );
    const header = challenge && (await tokens.meet(challenge, scope, shown));
    if (header === undefined) return await judge(first);
    await discard(first.answer);
    return await judge(await follow(asked, header));
  };

  return {
    rateLimit,
    async ask(asked) {
      const wait = rateLimit.waitSeconds();
      if (wait > 0 && asked.path.startsWith("manifests/")) {
        const options = { retryAfterSeconds: wait };
        throw new UpstreamFailure("limited", `${base.host} wants fewer requests`, options);
      }
      const rest = circuitBreaker.openForMs();
      if (rest > 0) {
        const options = { retryAfterSeconds: Math.ceil(rest / 1000) };
        throw new UpstreamFailure("circuitOpen", `${base.host} has failed just now`, options);
      }
      try {
        const answer = await attempt(asked);
        circuitBreaker.succeeded();
        parts.state.succeeded();
        return answer;
      } catch (error) {
        parts.state.failed(error);
        if (isOutage(error)) {
          counters.add("upstreamFailures");
          circuitBreaker.failed();
        } else if (error instanceof UpstreamFailure) circuitBreaker.succeeded();
        throw error;
      }
    },
    close: () => dispatcher.destroy(),
  };
}

function unexpected(host: string, status: number): UpstreamFailure {
  const kind = status >= 400 && status < 500 ? "rejected" : "serverError";
  return new UpstreamFailure(kind, `${host} answers with ${status}`, { status });
}

/** Reads up to 64 KB of the body, so that the connection can be reused. */
async function discard({ body }: Dispatcher.ResponseData): Promise<void> {
  await body.dump({ limit: 64 * 1024 }).catch(() => undefined);
}
