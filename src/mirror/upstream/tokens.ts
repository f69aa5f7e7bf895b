import { LRUCache } from "lru-cache";
import { createSingleFlight } from "../../concurrency/single-flight.ts";
import type { Challenge } from "./challenge.ts";
import type { Credential } from "./credential.ts";
import { UpstreamFailure } from "./failure.ts";

export interface TokenRequest {
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
  known(scope: string): Promise<string | undefined>;
  /**
   * Returns the `Authorization` header for a challenge. `refused` is the header that the upstream rejected.
   * `undefined`: no other credential exists. Throws {@link UpstreamFailure} if the token request fails.
   */
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
    async known(scope) {
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
    async meet(challenge, scope, refused) {
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
    throw new UpstreamFailure("serverError", "the token service gave no token");
  return {
    token,
    lifeSeconds: Math.max(shortestLifeSeconds, typeof life === "number" ? life : 0),
  };
}
