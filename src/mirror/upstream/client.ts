import { Readable } from "node:stream";
import { request, type Dispatcher } from "undici";
import { createCredential, createUpstreamTokens, parseChallenge } from "./authorization.ts";
import type { AskTokenService, UpstreamTokens } from "./authorization.ts";
import type { Availability } from "./availability.ts";
import { openUpstreamConnections, publicAddresses } from "./connection.ts";
import { connectionFailure, UpstreamFailure } from "./failure.ts";
import {
  headerOf,
  parseJsonResponse,
  type ResponseReader,
  type UpstreamResponse,
} from "./responses.ts";
import type { Counters } from "../counters.ts";
import type { MirrorSettings } from "../settings.ts";
import type { ProxySettings } from "../../network/connections.ts";

export interface UpstreamRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  /** The upstream's name of the repository; `path` is relative to `/v2/<name>/`. */
  readonly name: string;
  readonly path: string;
  /** The scope of the token; by default to pull from the repository, or to push to it. */
  readonly scope?: string;
  /** A `Location` from the upstream, used instead of `path`. `query` is added to its query. */
  readonly location?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the upstream's own origin, in place of a token of its token service; `null`: none. */
  readonly authorization?: string | null;
  /** Called once for each attempt, because a retry after 401 sends the body again. */
  readonly body?: () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** A response with any status, and the URL that it came from. */
interface Received {
  readonly response: Dispatcher.ResponseData;
  readonly url: URL;
}

const redirectsAtMost = 5;
const redirectStatuses = new Set([301, 302, 303, 307, 308]);
const tokenBytesAtMost = 128 * 1024;
const agent = "berth-mirror";

/**
 * The HTTP client of one upstream registry. It sends no header of Berth's own clients to the upstream, and Berth's
 * clients receive no credential of the upstream.
 */
export class Upstream {
  readonly #settings: MirrorSettings;
  readonly #base: URL;
  readonly #dispatcher: Dispatcher;
  readonly #tokens: UpstreamTokens;
  readonly #responses: ResponseReader;
  readonly #availability: Availability;
  readonly #counters: Counters;
  #isClosed = false;

  constructor(
    settings: MirrorSettings,
    parts: {
      readonly proxies: ProxySettings;
      readonly responses: ResponseReader;
      readonly availability: Availability;
      readonly clock: () => number;
      readonly counters: Counters;
    },
  ) {
    this.#settings = settings;
    this.#base = new URL(settings.upstream);
    this.#dispatcher = openUpstreamConnections(settings, parts.proxies);
    this.#responses = parts.responses;
    this.#availability = parts.availability;
    this.#counters = parts.counters;
    this.#tokens = createUpstreamTokens({
      upstream: this.#base,
      credential: createCredential(settings),
      ask: (tokenRequest) => this.#askTokenService(tokenRequest),
      clock: parts.clock,
    });
  }

  /**
   * Sends a request. Throws {@link UpstreamFailure} for every response that is not 2xx, and for a failed connection.
   */
  async ask(asked: UpstreamRequest): Promise<UpstreamResponse> {
    this.#availability.check({ isManifest: asked.path.startsWith("manifests/") });
    try {
      const response = await this.#askAuthorized(asked);
      this.#availability.succeeded();
      return response;
    } catch (error) {
      // A request that the end of the mirror cuts off says nothing about the upstream.
      if (!this.#isClosed) this.#availability.failed(error);
      throw error;
    }
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#dispatcher.destroy();
  }

  /** Sends the request with the known credential. After a 401, sends it once more with the requested one. */
  async #askAuthorized(asked: UpstreamRequest): Promise<UpstreamResponse> {
    if (asked.authorization !== undefined)
      return await this.#require2xx(await this.#follow(asked, asked.authorization ?? undefined));
    const actions = isWrite(asked) ? "pull,push" : "pull";
    const scope = asked.scope ?? `repository:${asked.name}:${actions}`;
    const known = await this.#tokens.forScope(scope);
    const first = await this.#follow(asked, known);
    if (first.response.statusCode !== 401 || !this.#isOwnOrigin(first.url))
      return await this.#require2xx(first);
    const challenge = parseChallenge(
      [first.response.headers["www-authenticate"] ?? []].flat().join(", "),
    );
    const authorization = challenge && (await this.#tokens.forChallenge(challenge, scope, known));
    if (authorization === undefined) return await this.#require2xx(first);
    await drain(first.response);
    return await this.#require2xx(await this.#follow(asked, authorization));
  }

  /**
   * Follows at most 5 redirects, and none for POST and PUT. The credential goes only to the upstream's own origin, and
   * not after a redirect to another origin: that origin could redirect back to content that only the mirror's account
   * may read.
   */
  async #follow(asked: UpstreamRequest, authorization: string | undefined): Promise<Received> {
    let url = this.#urlOf(asked);
    let from = this.#base;
    let hasLeft = false;
    for (let redirects = 0; redirects <= redirectsAtMost; redirects += 1) {
      const isOwn = this.#isOwnOrigin(url);
      hasLeft ||= !isOwn;
      const credential = hasLeft || authorization === undefined ? {} : { authorization };
      const headers = { ...asked.headers, ...credential };
      const response = await this.#send(url, from, { ...asked, headers });
      if (isOwn) this.#availability.readRateLimit(response);
      const location = headerOf(response, "location");
      if (!redirectStatuses.has(response.statusCode) || location === undefined || isWrite(asked))
        return { response, url };
      await drain(response);
      if (!URL.canParse(location, url.href)) throw unexpected(url.host, response.statusCode);
      from = url;
      url = new URL(location, url);
    }
    const message = `${this.#base.host} redirects more than ${redirectsAtMost} times`;
    throw new UpstreamFailure("serverError", message);
  }

  async #send(
    url: URL,
    from: URL,
    { method, headers, body }: Pick<UpstreamRequest, "method" | "headers" | "body">,
  ): Promise<Dispatcher.ResponseData> {
    try {
      this.#checkAllowed(url, from);
      this.#counters.add("upstreamRequests");
      return await request(url, {
        method,
        headers: { "user-agent": agent, ...headers },
        dispatcher: this.#dispatcher,
        ...(body === undefined ? {} : { body: Readable.from(body(), { objectMode: false }) }),
      });
    } catch (error) {
      throw connectionFailure(error, url.host);
    }
  }

  /** Allows `https:`, and `http:` only from an `http:` URL. Rejects private addresses unless `allowPrivateNetwork`. */
  #checkAllowed(url: URL, from: URL): void {
    const isPlain = url.protocol === "http:" && from.protocol === "http:";
    if (url.protocol !== "https:" && !isPlain) {
      const target = `${url.protocol}//${url.host}`;
      const message = `${this.#base.host} names ${target}, but the mirror requires https there`;
      throw new UpstreamFailure("serverError", message);
    }
    if (!this.#settings.allowPrivateNetwork) publicAddresses.checkLiteral(url);
  }

  #urlOf({ name, path, location, query = {} }: UpstreamRequest): URL {
    const repository = `${this.#settings.upstream}/v2/${name}/`;
    const text = location ?? `${repository}${path}`;
    if (!URL.canParse(text, repository)) throw unexpected(this.#base.host, 202);
    const url = new URL(text, repository);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    return url;
  }

  #isOwnOrigin(url: URL): boolean {
    return url.origin === this.#base.origin;
  }

  /** Returns a 2xx response. Throws {@link UpstreamFailure} for each other one, after its body has ended. */
  async #require2xx({ response, url }: Received): Promise<UpstreamResponse> {
    const { statusCode: status, headers, body } = response;
    const isPage = /^text\/html\b/i.test(headerOf(response, "content-type") ?? "");
    if (status >= 200 && status < 300 && !isPage) return { status, headers, body };
    await drain(response);
    if (status === 429) throw this.#availability.limited(response, url.host);
    // An HTML page comes from a proxy or a captive portal, not from the registry: its status says nothing.
    if (isPage || !this.#isOwnOrigin(url)) throw unexpected(url.host, status);
    if (status === 404)
      throw new UpstreamFailure("absent", `${url.host} does not have the content`, { status });
    if (status === 401 || status === 403)
      throw new UpstreamFailure("refused", `${url.host} denies access to the content`, { status });
    if (status === 416)
      throw new UpstreamFailure("badResponse", `${url.host} has a shorter blob`, { status });
    throw unexpected(url.host, status);
  }

  async #askTokenService({ url, authorization }: Parameters<AskTokenService>[0]): Promise<unknown> {
    const headers = authorization === undefined ? {} : { authorization };
    const response = await this.#send(url, this.#base, { method: "GET", headers });
    const options = { limitBytes: tokenBytesAtMost };
    const text = await this.#responses.read(response, options, (bytes) => bytes.toString("utf8"));
    const { statusCode: status } = response;
    if (status === 429) throw this.#availability.limited(response, url.host);
    if (status === 401 && authorization !== undefined) {
      const message = `${url.host} rejects the username and password`;
      throw new UpstreamFailure("serverError", message, { status });
    }
    if (status === 401 || status === 403)
      throw new UpstreamFailure("refused", `${url.host} denies a token`, { status });
    if (status !== 200) throw unexpected(url.host, status);
    return parseJsonResponse(text, url.host);
  }
}

const isWrite = ({ method }: UpstreamRequest): boolean => method === "POST" || method === "PUT";

function unexpected(host: string, status: number): UpstreamFailure {
  const kind = status >= 400 && status < 500 ? "rejected" : "serverError";
  return new UpstreamFailure(kind, `${host} answers with ${status}`, { status });
}

/** Reads up to 64 KB of the body, so that the connection can be reused. */
async function drain({ body }: Dispatcher.ResponseData): Promise<void> {
  await body.dump({ limit: 64 * 1024 }).catch(() => undefined);
}
