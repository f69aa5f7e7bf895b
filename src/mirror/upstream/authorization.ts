import { LRUCache } from "lru-cache";
import { createSingleFlight } from "../../concurrency/single-flight.ts";
import type { MirrorSettings } from "../settings.ts";
import { UpstreamFailure } from "./failure.ts";

/** The account of a mirror at its upstream, and the hosts that may receive its password. */
interface Credential {
  /** The value of `Authorization`; `undefined`: the mirror has no account. */
  readonly basic: string | undefined;
  /**
   * Whether the password may go to the URL: the upstream's origin (same scheme, host and port), and the hosts of
   * `tokenHosts` with the upstream's scheme. Hosts match exactly, and an `https:` upstream never allows `http:`.
   */
  mayGoTo(url: URL): boolean;
}

/** Token services at another host than their registry. */
const knownTokenHosts: ReadonlyMap<string, readonly string[]> = new Map([
  ["registry-1.docker.io", ["auth.docker.io"]],
  ["index.docker.io", ["auth.docker.io"]],
]);

export function createCredential({
  upstream,
  username,
  password = "",
  tokenHosts,
}: Pick<MirrorSettings, "upstream" | "username" | "password" | "tokenHosts">): Credential {
  const base = new URL(upstream);
  const known = base.protocol === "https:" ? (knownTokenHosts.get(base.host) ?? []) : [];
  // `URL.host` omits the default port of the scheme; the configuration may omit it too.
  const hosts = new Set([...known, ...tokenHosts.map((host) => host.toLowerCase())]);
  const basic =
    username === undefined
      ? undefined
      : `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  return {
    basic,
    mayGoTo: (url) =>
      url.origin === base.origin || (url.protocol === base.protocol && hosts.has(url.host)),
  };
}

interface TokenRequest {
  readonly url: URL;
  /** The credential for the upstream. `undefined`: the mirror has no account. */
  readonly authorization: string | undefined;
}

/** Returns the parsed JSON body of the token service's response. Throws {@link UpstreamFailure}. */
export type AskTokenService = (request: TokenRequest) => Promise<unknown>;

export interface UpstreamTokens {
  /**
   * Returns the cached `Authorization` header for the scope, or a new one from the upstream's last challenge.
   * `undefined`: send the request without one. If the token service fails, the challenge is dropped, so that the
   * upstream can send another. Throws {@link UpstreamFailure} of the kinds `limited` and `refused`.
   */
  forScope(scope: string): Promise<string | undefined>;
  /**
   * Returns the `Authorization` header for a challenge. `refused` is the header that the upstream rejected.
   * `undefined`: no other credential exists. Throws {@link UpstreamFailure} if the token request fails.
   */
  forChallenge(
    challenge: Challenge,
    scope: string,
    refused: string | undefined,
  ): Promise<string | undefined>;
}

interface HeldToken {
  readonly header: string;
  readonly untilMs: number;
}

type BearerChallenge = Extract<Challenge, { scheme: "bearer" }>;

const shortestLifeSeconds = 60;
const slackMs = 10_000;
/** In characters. */
const heldAtMost = 4 * 1024 * 1024;

/** Caches the tokens of one upstream by scope. Concurrent requests for one token share one token request. */
export function createUpstreamTokens(parts: {
  readonly upstream: URL;
  readonly credential: Credential;
  readonly ask: AskTokenService;
  readonly clock: () => number;
}): UpstreamTokens {
  const { upstream, credential, ask, clock } = parts;
  const { basic } = credential;
  const held = new LRUCache<string, HeldToken>({
    maxSize: heldAtMost,
    sizeCalculation: ({ header }, scope) => header.length + scope.length,
  });
  const once = createSingleFlight<string>();
  let last: Challenge | undefined;

  const fetchToken = async (
    { realm, service }: BearerChallenge,
    scope: string,
  ): Promise<string> => {
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set("service", service);
    url.searchParams.set("scope", scope);
    if (basic !== undefined && !credential.mayGoTo(url)) {
      const message = `${upstream.host} names ${url.host} as its token service; the password is not sent there unless tokenHosts lists ${url.host}`;
      throw new UpstreamFailure("serverError", message);
    }
    const answer = await ask({ url, authorization: basic });
    const { token, lifeSeconds } = readToken(answer);
    const header = `Bearer ${token}`;
    held.set(scope, { header, untilMs: clock() + lifeSeconds * 1000 - slackMs });
    return header;
  };

  const obtain = (challenge: BearerChallenge, scope: string): Promise<string> => {
    const key = `${challenge.realm} ${challenge.service ?? ""} ${scope}`;
    return once(key, () => fetchToken(challenge, scope));
  };

  const current = (scope: string): string | undefined => {
    const token = held.get(scope);
    return token !== undefined && token.untilMs > clock() ? token.header : undefined;
  };

  return {
    async forScope(scope) {
      const challenge = last;
      if (challenge?.scheme === "basic") return basic;
      const token = current(scope);
      if (token !== undefined || challenge === undefined) return token;
      try {
        return await obtain(challenge, scope);
      } catch (error) {
        const kind = error instanceof UpstreamFailure ? error.kind : undefined;
        if (kind === undefined || kind === "limited" || kind === "refused") throw error;
        if (last === challenge) last = undefined;
        return undefined;
      }
    },
    async forChallenge(challenge, scope, refused) {
      last = challenge;
      if (challenge.scheme === "basic") return basic === refused ? undefined : basic;
      const token = current(scope);
      if (token !== undefined && token !== refused) return token;
      held.delete(scope);
      return await obtain(challenge, scope);
    },
  };
}

function readToken(answer: unknown): { readonly token: string; readonly lifeSeconds: number } {
  const fields = (typeof answer === "object" && answer !== null ? answer : {}) as Record<
    string,
    unknown
  >;
  const token = fields["token"] ?? fields["access_token"];
  const life = fields["expires_in"];
  if (typeof token !== "string" || !/^[\x21-\x7e]{1,65536}$/.test(token))
    throw new UpstreamFailure("serverError", "the token service sent no valid token");
  return {
    token,
    lifeSeconds: Math.max(shortestLifeSeconds, typeof life === "number" ? life : 0),
  };
}

/** A supported challenge of a `WWW-Authenticate` header. */
type Challenge =
  | { readonly scheme: "basic" }
  | { readonly scheme: "bearer"; readonly realm: string; readonly service: string | undefined };

/** In characters. Longer headers are ignored; registries send a few hundred characters. */
const longestHeader = 4_096;

/**
 * Returns the first supported challenge, Bearer before Basic, or `undefined`. RFC 9110, 11.6.1: commas separate both
 * the schemes and their parameters. The run time is linear in the length of the header.
 */
export function parseChallenge(header: string | undefined): Challenge | undefined {
  if (header === undefined || header.length > longestHeader) return undefined;
  const all = readChallenges(header);
  for (const { scheme, parameters } of all) {
    const realm = parameters.get("realm");
    if (scheme === "bearer" && realm !== undefined && URL.canParse(realm))
      return { scheme: "bearer", realm, service: parameters.get("service") };
  }
  return all.some(({ scheme }) => scheme === "basic") ? { scheme: "basic" } : undefined;
}

interface RawChallenge {
  readonly scheme: string;
  readonly parameters: Map<string, string>;
}

function readChallenges(header: string): readonly RawChallenge[] {
  const found: RawChallenge[] = [];
  let at = 0;
  /** Consumes a match at `at`. The expressions are sticky (`y`) and do not backtrack. */
  const take = (expression: RegExp): string | undefined => {
    expression.lastIndex = at;
    const text = expression.exec(header)?.[0];
    if (text !== undefined) at += text.length;
    return text;
  };
  while (at < header.length) {
    take(/[\s,]+/y);
    const name = take(/[\w!#$%&'*+.^`|~-]+/y)?.toLowerCase();
    const current = found.at(-1);
    if (name === undefined) {
      at += 1;
    } else if (current !== undefined && take(/\s*=\s*/y) !== undefined) {
      const isQuoted = header[at] === '"';
      const value = take(isQuoted ? /"(?:[^"\\]|\\.)*"/y : /[^\s,]*/y);
      // A quoted string without a closing quote.
      if (value === undefined) return found;
      const text = isQuoted ? value.slice(1, -1).replaceAll(/\\(.)/g, "$1") : value;
      if (!current.parameters.has(name)) current.parameters.set(name, text);
    } else found.push({ scheme: name, parameters: new Map() });
  }
  return found;
}
