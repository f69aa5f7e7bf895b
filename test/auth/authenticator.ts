import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createAuthenticator } from "../../src/auth/authenticate.ts";
import { createPasswords, type Passwords } from "../../src/auth/passwords.ts";
import { createRateLimit, createSharedAttempts } from "../../src/auth/rate-limit.ts";
import {
  generateTokenSecret,
  hashTokenSecret,
  type TokenKind,
} from "../../src/auth/tokens/secret.ts";
import type { CreateAccessToken } from "../../src/database/accounts/access-tokens.ts";
import { systemActor } from "../../src/database/permissions/authority.ts";
import type { Principal } from "../../src/database/permissions/principal.ts";
import type { OciError } from "../../src/oci/errors.ts";
import { openTestDatabase } from "../support/database.ts";

export const actor = systemActor("berth");
export const start = 1_700_000_000_000;
export const secret = "correct horse battery";

/**
 * An authenticator with 3 wrong passwords per account and 5 per peer, and a clock that only tests advance. With
 * `replicas` each login is at the next replica.
 */
export async function openAuthenticator({ replicas = 1 }: { readonly replicas?: number } = {}) {
  const database = await openTestDatabase();
  let nowMs = start;
  let hashings = 0;
  let isBroken = false;
  let isSilent = false;
  let attemptsCounted = 0;
  const clock = (): number => nowMs;
  const cheap = createPasswords({ clock, cost: { ln: 4, r: 8, p: 1 } });
  const passwords: Passwords = {
    ...cheap,
    verify: (...given) => {
      hashings += 1;
      return isBroken ? Promise.reject(new Error("no thread")) : cheap.verify(...given);
    },
  };
  const limits = {
    perAccount: { burst: 3, everyMs: 30_000 },
    perPeer: { burst: 5, everyMs: 10_000 },
  };
  const authenticators = Array.from({ length: replicas }, () => {
    const shared = createSharedAttempts(database, clock);
    const attempts = {
      ...shared,
      take: (...given: Parameters<typeof shared.take>) => {
        attemptsCounted += 1;
        return isSilent ? new Promise<never>(() => undefined) : shared.take(...given);
      },
    };
    const rateLimit = createRateLimit(clock, limits, replicas > 1 ? attempts : undefined);
    return createAuthenticator({ database, passwords, rateLimit, clock });
  });
  let logins = 0;
  const passwordHash = await cheap.hash(secret);
  const account = async (name: string, kind: "user" | "organisation" = "user"): Promise<number> => {
    const input = { name, kind, actor, nowMs, ...(kind === "user" ? { passwordHash } : {}) };
    const made = await database.commands.createAccount(input);
    return typeof made === "number" ? made : assert.fail("the name is taken");
  };
  return {
    database,
    account,
    wait: (ms: number) => void (nowMs += ms),
    hashings: () => hashings,
    /** How often a replica has asked the database for the attempts of all replicas. */
    attemptsCounted: () => attemptsCounted,
    /** Makes the database stop answering these questions, or answer again. */
    silence: (silent: boolean) => void (isSilent = silent),
    /** Makes each later verification of a password fail, or work again. */
    breakPasswords: (broken: boolean) => void (isBroken = broken),
    login: async (
      name: string,
      secret: string,
      peer = "192.0.2.1",
    ): Promise<Principal | undefined> =>
      authenticators[(logins += 1) % replicas]?.authenticate({ name, secret }, peer),
    token: async (accountId: number, kind: TokenKind, given: Partial<CreateAccessToken> = {}) => {
      const secret = generateTokenSecret(kind);
      const id = randomUUID();
      await database.commands.createAccessToken({
        id,
        accountId,
        label: "ci",
        description: "",
        secretHash: hashTokenSecret(secret),
        scopes: ["repo:read"],
        expiresAtMs: null,
        creatorAgent: "",
        actor,
        nowMs,
        ...given,
      });
      return { id, secret };
    },
  };
}

/** The error of a login that the rate limit rejects. */
export const refused = (error: OciError): boolean => {
  assert.equal(error.code, "TOOMANYREQUESTS");
  assert.match(error.headers?.["Retry-After"] ?? "", /^[1-9]\d*$/);
  return true;
};
