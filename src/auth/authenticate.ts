import { addressKey } from "../concurrency/budgets.ts";
import type { Database } from "../database/contract.ts";
import { DatabaseError } from "../database/errors.ts";
import { OciError } from "../oci/errors.ts";
import { principalNow, type KnownPrincipal } from "../database/permissions/principal.ts";
import {
  createVerifiedPasswordCache,
  type Passwords,
  type VerifiedPasswordCache,
} from "./passwords.ts";
import type { Attempt, RateLimit } from "./rate-limit.ts";
import { hashTokenSecret, isTokenSecret, looksLikeToken } from "./tokens/secret.ts";
import { createKeyedSemaphore } from "./login-queues.ts";

export interface Credentials {
  readonly name: string;
  /** A password, or an access token in its place. */
  readonly secret: string;
}

export interface Authenticator {
  /**
   * Finds the account of the credentials. Returns `undefined` if name and secret do not match; an unknown name takes as
   * long as a wrong password. After too many wrong secrets from the peer, or from the peer for the account, it rejects
   * with TOOMANYREQUESTS and Retry-After; a repeated wrong password counts once. A database error rejects, after 15 s at
   * the latest: it is never treated as a wrong password.
   * @param peer the address of the client
   */
  authenticate(credentials: Credentials, peer: string): Promise<KnownPrincipal | undefined>;
}

/** `lastUsedAtMs` of an access token is written at most once per minute. */
const touchAfterMs = 60_000;
/** Account names are at most 255 characters; longer names are cut, so that the rate limit's keys stay bounded. */
const keptOfName = 255;
/** Waiting logins with one name from one address. */
const waitingAtMost = 256;
/** A login whose database calls take longer in all fails, and so do those that wait for it. */
const databaseTimeoutMs = 15_000;

interface AuthenticatorParts {
  readonly database: Pick<Database, "accounts" | "accessTokens" | "commands">;
  readonly passwords: Passwords;
  readonly rateLimit: RateLimit;
  readonly clock: () => number;
}

/** Credentials with the name in lower case, and the address of the client. */
interface PeerCredentials extends Credentials {
  readonly peer: string;
}

export function createAuthenticator(parts: AuthenticatorParts): Authenticator {
  // One at a time per name and address: a client that sends an old password many times at once is counted once. The key
  // includes the address: with the name alone, requests of other clients would block the owner of the account.
  const semaphore = createKeyedSemaphore(waitingAtMost);
  // A client with an outdated password sends it with every request of a push. This is not an attack and counts once.
  const passwordParts = { ...parts, rejected: createVerifiedPasswordCache(parts.clock) };

  return {
    async authenticate({ name: given, secret }, peer) {
      const name = given.toLowerCase();
      if (looksLikeToken(secret)) return byToken(parts, { name, secret, peer });
      return semaphore(`${addressKey(peer)} ${name}`, () =>
        byPassword(passwordParts, { name, secret, peer }),
      );
    },
  };
}

async function byPassword(
  parts: AuthenticatorParts & { readonly rejected: VerifiedPasswordCache },
  { name, secret, peer }: PeerCredentials,
): Promise<KnownPrincipal | undefined> {
  const { database, passwords, rateLimit, rejected } = parts;
  const inTime = createTimeLimit();
  const login = await inTime(database.accounts.login(name));
  // Only the bootstrap administrator has no password, until the operator sets one.
  if (login?.account.kind === "user" && login.passwordHash === null)
    throw new OciError(
      "DENIED",
      `${name} has no password yet; set one on the server: berth user password ${name}`,
    );
  const key = rejected.keyOf(name, peer, login?.passwordHash ?? "", secret);
  if (rejected.has(key)) return undefined;
  const attempt = admitted(rateLimit.begin(name.slice(0, keptOfName), peer));
  const isRight = await passwords
    .verify(secret, login?.passwordHash ?? undefined, {
      key: addressKey(peer),
      isKnown: attempt.isKnown,
      admit: async () => demandNoWait(await inTime(attempt.countAmongReplicas())),
    })
    .catch((error: unknown) => {
      attempt.forget();
      throw error;
    });
  if (!isRight) {
    rejected.add(key);
    return undefined;
  }
  attempt.succeed();
  const account = login?.account;
  if (account?.kind !== "user" || account.disabled) return undefined;
  const { id: accountId, name: own, isAdmin } = account;
  return { kind: "user", accountId, name: own, isAdmin, by: "password" };
}

async function byToken(
  { database, rateLimit, clock }: AuthenticatorParts,
  { name, secret, peer }: PeerCredentials,
): Promise<KnownPrincipal | undefined> {
  const nowMs = clock();
  const inTime = createTimeLimit();
  const login = isTokenSecret(secret)
    ? await inTime(database.accessTokens.login(hashTokenSecret(secret)))
    : undefined;
  const principal =
    login?.account.name === name
      ? principalNow(
          { account: { ...login.account, passwordChangedAtMs: null }, token: login.token },
          { accessToken: login.token.id, passwordAtMs: undefined },
          nowMs,
        )
      : undefined;
  if (login === undefined || principal === undefined) {
    // Not counted among replicas: a token cannot be guessed, so this limit only saves work of this process.
    admitted(rateLimit.beginToken(peer));
    return undefined;
  }
  const { token } = login;
  // Not awaited: a full or slow disk must not block pulls.
  if (nowMs - (token.lastUsedAtMs ?? 0) >= touchAfterMs)
    void database.commands.touchAccessToken({ id: token.id, nowMs }).catch(() => undefined);
  return principal;
}

function admitted(attempt: ReturnType<RateLimit["begin"]>): Attempt {
  if ("succeed" in attempt) return attempt;
  throw tooManyWrong(attempt.retryAfterMs);
}

function demandNoWait(waitMs: number): void {
  if (waitMs > 0) throw tooManyWrong(waitMs);
}

function tooManyWrong(waitMs: number): OciError {
  const headers = { "Retry-After": String(Math.ceil(waitMs / 1000)) };
  return new OciError("TOOMANYREQUESTS", "too many wrong passwords; try again later", { headers });
}

/** The result waits for calls to the database. It rejects with DatabaseError if they take longer in all. */
function createTimeLimit(): <T>(call: Promise<T>) => Promise<T> {
  let leftMs = databaseTimeoutMs;
  return async (call) => {
    const startedAtMs = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = "the database did not answer in time";
      const fail = () => reject(new DatabaseError(message, { code: "TIMEOUT", failure: "gone" }));
      timer = setTimeout(fail, leftMs);
    });
    return await Promise.race([call, late]).finally(() => {
      clearTimeout(timer);
      leftMs = Math.max(0, leftMs - (performance.now() - startedAtMs));
    });
  };
}
