import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Authenticator } from "../auth/authenticate.ts";
import type { Bearer } from "../auth/bearer.ts";
import { stranger, type Caller } from "../auth/caller.ts";
import type { LiveRights } from "../auth/grants.ts";
import type { Identity } from "../auth/identity.ts";
import type { RepositoryName } from "../oci/name.ts";
import { readAuthorization } from "./authorization.ts";
import type { Origins } from "./origins.ts";

export interface Callers {
  /**
   * Who a request comes from. `nothing`: it says nothing of it; `invalid`: what it says is not true, or not any more.
   * Rejects where that can't be found out (503), or has been tried too often (429).
   */
  of(
    request: IncomingMessage,
    repository: RepositoryName | undefined,
  ): Promise<Caller | "nothing" | "invalid">;
  /** The same, where it is known already. */
  peek(request: IncomingMessage): Caller | undefined;
}

/** `auth.open`: nobody is asked who they are. */
export function createOpenCallers(): Callers {
  return { of: () => Promise.resolve(stranger), peek: () => stranger };
}

/**
 * Bearer tokens, and silently also a password or an access token with each request, for what knows no more than
 * that. The rights of the latter are looked up each time.
 */
export function createCallers(parts: {
  readonly bearer: Bearer;
  readonly authenticator: Authenticator;
  readonly rights: LiveRights;
  readonly removals: { highest(): Promise<number> };
  readonly origins: Origins;
  readonly clock: () => number;
}): Callers {
  const { bearer, authenticator, rights, removals, origins } = parts;
  const proved = createProvedCredentials(parts.clock);

  const identify = async (request: IncomingMessage, name: string, secret: string) => {
    const header = request.headers.authorization ?? "";
    const known = proved.find(header);
    if (known !== undefined) return known;
    const from = {
      peer: origins.peerOf(request),
      agent: request.headers["user-agent"] ?? "",
    };
    const identity = await authenticator.authenticate({ name, secret }, from);
    if (identity !== undefined) proved.keep(header, identity);
    return identity;
  };

  return {
    async of(request, repository) {
      const authorization = readAuthorization(request.headers.authorization);
      switch (authorization.kind) {
        case "none":
          return "nothing";
        case "unreadable":
          return "invalid";
        case "bearer":
          return (await bearer.verify(authorization.token)) ?? "invalid";
        case "basic": {
          const identity = await identify(request, authorization.name, authorization.secret);
          if (identity === undefined) return "invalid";
          const highest = await removals.highest();
          const names = repository === undefined ? [] : [repository];
          const access = await rights.of(identity, names);
          return { identity, access, catalog: true, removals: highest, live: true };
        }
      }
    },
    peek(request) {
      const header = request.headers.authorization;
      return header?.startsWith("Bearer ") ? bearer.peek(header.slice(7)) : undefined;
    },
  };
}

const provedForMs = 10_000;
const provedAtMost = 1000;

/**
 * A client that sends its password with each of the hundred requests of one push is asked to prove it once in a
 * while, not each time: the proof is made to cost work. What they may do is looked up each time all the same.
 */
function createProvedCredentials(clock: () => number) {
  const held = new Map<string, { readonly identity: Identity; readonly untilMs: number }>();
  const keyOf = (header: string) => createHash("sha256").update(header).digest("base64");
  return {
    find(header: string): Identity | undefined {
      const found = held.get(keyOf(header));
      return found !== undefined && found.untilMs > clock() ? found.identity : undefined;
    },
    keep(header: string, identity: Identity): void {
      if (held.size >= provedAtMost) held.clear();
      held.set(keyOf(header), { identity, untilMs: clock() + provedForMs });
    },
  };
}
