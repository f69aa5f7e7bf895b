import { isNeighbour, type Challenge } from "./challenge.ts";
import { UpstreamFailure } from "./failure.ts";

export interface TokenRequest {
  readonly url: URL;
  /** The upstream's credential, where the service may have it. */
  readonly authorization: string | undefined;
}

/** The body of a token service's answer; throws {@link UpstreamFailure}. */
export type AskTokenService = (request: TokenRequest) => Promise<unknown>;

export interface Tokens {
  /** The header that was good for the scope before, or that what is known of the upstream says will be. */
  known(scope: string): Promise<string | undefined>;
  /** The header that meets a challenge. `undefined`: we have nothing (more) to show. */
  meet(
    challenge: Challenge,
    scope: string,
    refused: string | undefined,
  ): Promise<string | undefined>;
}

interface HeldToken {
  readonly header: string;
  readonly untilMs: number;
}

const shortestLifeSeconds = 60;
const slackMs = 10_000;
const scopesAtMost = 5_000;

/** Tokens of one upstream, by scope; whoever needs the same one at the same time waits for one request. */
export function createTokens(parts: {
  readonly upstream: URL;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly ask: AskTokenService;
  readonly clock: () => number;
}): Tokens {
  const { upstream, username, password, ask, clock } = parts;
  const basic =
    username === undefined
      ? undefined
      : `Basic ${Buffer.from(`${username}:${password ?? ""}`).toString("base64")}`;
  const held = new Map<string, HeldToken>();
  const asking = new Map<string, Promise<string>>();
  let scheme: Challenge | undefined;

  const fetchToken = async (
    { realm, service }: Extract<Challenge, { scheme: "bearer" }>,
    scope: string,
  ): Promise<string> => {
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set("service", service);
    url.searchParams.set("scope", scope);
    if (basic !== undefined && !isNeighbour(url.hostname, upstream.hostname)) {
      const message = `${upstream.host} sends us to ${url.host} for a token, which does not get its password`;
      throw new UpstreamFailure("broken", message);
    }
    const answer = await ask({ url, authorization: basic });
    const { token, lifeSeconds } = readToken(answer);
    const header = `Bearer ${token}`;
    if (held.size >= scopesAtMost) held.clear();
    held.set(scope, { header, untilMs: clock() + lifeSeconds * 1000 - slackMs });
    return header;
  };

  const obtain = (
    challenge: Extract<Challenge, { scheme: "bearer" }>,
    scope: string,
  ): Promise<string> => {
    const running = asking.get(scope);
    if (running !== undefined) return running;
    const work = fetchToken(challenge, scope).finally(() => asking.delete(scope));
    asking.set(scope, work);
    return work;
  };

  const current = (scope: string): string | undefined => {
    const token = held.get(scope);
    return token !== undefined && token.untilMs > clock() ? token.header : undefined;
  };

  return {
    async known(scope) {
      if (scheme?.scheme === "basic") return basic;
      return current(scope) ?? (scheme === undefined ? undefined : await obtain(scheme, scope));
    },
    async meet(challenge, scope, refused) {
      scheme = challenge;
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
    throw new UpstreamFailure("broken", "the token service gave no token");
  return {
    token,
    lifeSeconds: Math.max(shortestLifeSeconds, typeof life === "number" ? life : 0),
  };
}
