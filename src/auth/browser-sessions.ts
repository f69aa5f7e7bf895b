import { createHash, randomBytes, randomUUID } from "node:crypto";
import {
  touchAfterMs,
  type BrowserSession,
  type ChosenSessions,
} from "../database/accounts/browser-sessions.ts";
import type { Database } from "../database/contract.ts";
import type { Actor } from "../database/permissions/authority.ts";
import { principalNow } from "../database/permissions/principal.ts";
import type { Session } from "./sessions.ts";

export type { BrowserSession };

export interface BrowserSessionTimes {
  /** A session without a request for this time ends. */
  readonly idleMs: number;
  /** A session of this age ends. */
  readonly lifetimeMs: number;
}

type Account = Pick<Session["principal"], "accountId" | "name">;

/**
 * The sessions of browsers. The browser has a random secret in a cookie, and the database its hash: so each session can
 * be ended, on all processes and replicas at once. A disabled account and a change of the password end it too.
 */
export interface BrowserSessions {
  /** The time after which a session ends in any case. */
  readonly lifetimeSeconds: number;
  /**
   * Starts a session and returns its secret.
   * @param session the login by password that {@link Sessions.identify} has just checked
   */
  start(
    actor: Actor,
    session: Session,
    browser: { readonly agent: string; readonly replaces: string | undefined },
  ): Promise<string>;
  /** The session of a secret; `undefined` if it has ended. It is one read. */
  resume(secret: string): Promise<Session | undefined>;
  /** The sessions of an account that have not ended, the last used first; at most 100. */
  list(account: Account): Promise<readonly BrowserSession[]>;
  /** False if the account has no such session. */
  end(actor: Actor, account: Account, id: string): Promise<boolean>;
  /** Ends all sessions of the account but `kept`. */
  endOthers(actor: Actor, account: Account, kept: string | undefined): Promise<void>;
}

export function createBrowserSessions(parts: {
  readonly database: Pick<Database, "browserSessions" | "commands" | "unflushedCommands">;
  readonly times: BrowserSessionTimes;
  readonly clock: () => number;
}): BrowserSessions {
  const { database, times, clock } = parts;

  const isOver = ({ seenAtMs, startedAtMs }: BrowserSession, nowMs: number): boolean =>
    seenAtMs + times.idleMs <= nowMs || startedAtMs + times.lifetimeMs <= nowMs;

  const endThose = (
    actor: Actor,
    { accountId, name: account }: Account,
    which: ChosenSessions,
  ): Promise<number> =>
    database.commands.endBrowserSessions({ which, accountId, account, actor, nowMs: clock() });

  return {
    lifetimeSeconds: Math.trunc(times.lifetimeMs / 1000),

    async start(actor, { principal, sinceMs }, { agent, replaces }) {
      const secret = randomBytes(secretBytes).toString("base64url");
      const { accountId, name: account } = principal;
      await database.commands.startBrowserSession({
        ...{ id: randomUUID(), secretHash: hashOf(secret), passwordAtMs: sinceMs, agent, replaces },
        ...{ accountId, account, actor, nowMs: clock() },
      });
      return secret;
    },

    async resume(secret) {
      if (!isSessionSecret(secret)) return undefined;
      const found = await database.browserSessions.find(hashOf(secret));
      const nowMs = clock();
      if (found === undefined || isOver(found, nowMs)) return undefined;
      const { id, account, passwordAtMs, seenAtMs } = found;
      const shown = { accessToken: undefined, passwordAtMs };
      const principal = principalNow({ account, token: undefined }, shown, nowMs);
      if (principal === undefined) return undefined;
      // Not awaited: a full or slow disk must not block reads.
      if (nowMs - seenAtMs >= touchAfterMs)
        void database.unflushedCommands.touchBrowserSession({ id, nowMs }).catch(() => undefined);
      return { principal, sinceMs: passwordAtMs, browserSession: id };
    },

    async list({ accountId }) {
      const nowMs = clock();
      const sessions = await database.browserSessions.list(accountId);
      return sessions.filter((session) => !isOver(session, nowMs));
    },

    end: async (actor, account, id) => (await endThose(actor, account, { only: id })) > 0,

    async endOthers(actor, account, kept) {
      await endThose(actor, account, { allBut: kept });
    },
  };
}

const secretBytes = 32;
/** 32 bytes in base64url. */
const secretGrammar = /^[\w-]{43}$/;

/** Whether the text has the form of a secret. */
export const isSessionSecret = (text: string): boolean => secretGrammar.test(text);

/** The stored form. A fast hash (SHA-256) is enough for 256 random bits. */
const hashOf = (secret: string): string => createHash("sha256").update(secret).digest("hex");
