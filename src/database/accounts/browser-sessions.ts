import { writeAudit, type AuditContext } from "../events/audit.ts";
import type { CredentialRows } from "../permissions/principal.ts";
import type { Db } from "../schema.ts";

/** A session of a browser. Its secret is not stored. */
export interface BrowserSession {
  /** UUID. */
  readonly id: string;
  /** When the password was checked. */
  readonly passwordAtMs: number;
  readonly startedAtMs: number;
  /** The last request, at most {@link touchAfterMs} late. */
  readonly seenAtMs: number;
  /** The address from which the session was started. */
  readonly peer: string;
  /** The User-Agent of the browser. */
  readonly agent: string;
}

/** `seenAtMs` is written at most once per minute. */
export const touchAfterMs = 60_000;
/** A sign-in above this number ends the session of the account that was unused for the longest time. */
const sessionsOfAccount = 100;

const columns = [
  "browser_sessions.id as id",
  "password_at as passwordAtMs",
  "started_at as startedAtMs",
  "seen_at as seenAtMs",
  "peer",
  "agent",
] as const;

export function createBrowserSessionReads(db: Db) {
  return {
    /** The session of a secret with its account, also if it has expired. */
    async find(
      secretHash: string,
    ): Promise<(BrowserSession & { readonly account: CredentialRows["account"] }) | undefined> {
      const row = await db
        .selectFrom("browser_sessions")
        .innerJoin("accounts", "accounts.id", "browser_sessions.account_id")
        .select(columns)
        .select(["accounts.id as accountId", "name", "kind", "is_admin", "disabled"])
        .select("password_changed_at as passwordChangedAtMs")
        .where("secret_hash", "=", secretHash)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const { accountId, name, kind, is_admin, disabled, passwordChangedAtMs, ...session } = row;
      const flags = { isAdmin: is_admin === 1, disabled: disabled === 1 };
      return { ...session, account: { id: accountId, name, kind, passwordChangedAtMs, ...flags } };
    },

    /** The sessions of an account, the last used first; at most 100. */
    list: (accountId: number): Promise<readonly BrowserSession[]> =>
      db
        .selectFrom("browser_sessions")
        .select(columns)
        .where("account_id", "=", accountId)
        .orderBy("seen_at", "desc")
        .orderBy("id")
        .limit(sessionsOfAccount)
        .execute(),
  };
}

/** One session of an account, or all but one. */
export type ChosenSessions = { readonly only: string } | { readonly allBut: string | undefined };

/** The account of the sessions; its name is that of the audit row. */
interface OwnSessions extends AuditContext {
  readonly accountId: number;
  readonly account: string;
}

export interface StartBrowserSession extends OwnSessions {
  readonly id: string;
  readonly secretHash: string;
  readonly passwordAtMs: number;
  readonly agent: string;
  /** A session of the same browser, which ends. */
  readonly replaces: string | undefined;
}

export async function startBrowserSession(tx: Db, given: StartBrowserSession): Promise<void> {
  const { id, accountId, account, actor, nowMs } = given;
  // Before any other row: the insert locks the account, as its deletion does first.
  await tx
    .insertInto("browser_sessions")
    .values({
      id,
      account_id: accountId,
      secret_hash: given.secretHash,
      password_at: given.passwordAtMs,
      started_at: nowMs,
      seen_at: nowMs,
      peer: actor.peer,
      agent: given.agent,
    })
    .execute();
  if (given.replaces !== undefined)
    await tx.deleteFrom("browser_sessions").where("id", "=", given.replaces).execute();
  await tx
    .deleteFrom("browser_sessions")
    .where("account_id", "=", accountId)
    .where("id", "<>", id)
    .where((where) =>
      where(
        "id",
        "not in",
        where
          .selectFrom("browser_sessions")
          .select("id")
          .where("account_id", "=", accountId)
          .orderBy("seen_at", "desc")
          .orderBy("id")
          .limit(sessionsOfAccount),
      ),
    )
    .execute();
  await writeAudit(tx, {
    ...{ nowMs, actor, account, subject: account },
    ...{ action: "user.session.start", data: { id } },
  });
}

/** Records that the session was used. */
export async function touchBrowserSession(
  tx: Db,
  { id, nowMs }: { readonly id: string; readonly nowMs: number },
): Promise<void> {
  await tx
    .updateTable("browser_sessions")
    .set({ seen_at: nowMs })
    .where("id", "=", id)
    .where("seen_at", "<=", nowMs - touchAfterMs)
    .execute();
}

/** Resolves with the number of sessions that it ended. */
export async function endBrowserSessions(
  tx: Db,
  given: OwnSessions & {
    readonly which: ChosenSessions;
  },
): Promise<number> {
  const { accountId, account, which, actor, nowMs } = given;
  const ended = await deleteSessionsOf(tx, accountId, which);
  if (ended.length > 0)
    await writeAudit(
      tx,
      ...ended.map((id) => ({
        ...{ nowMs, actor, account, subject: account },
        ...{ action: "user.session.end" as const, data: { id } },
      })),
    );
  return ended.length;
}

/** Deletes sessions of an account and returns their ids. */
export async function deleteSessionsOf(
  tx: Db,
  accountId: number,
  which: ChosenSessions,
): Promise<readonly string[]> {
  const sessions = tx.deleteFrom("browser_sessions").where("account_id", "=", accountId);
  const chosen =
    "only" in which
      ? sessions.where("id", "=", which.only)
      : sessions.where("id", "<>", which.allBut ?? "");
  const rows = await chosen.returning("id").execute();
  return rows.map(({ id }) => id).toSorted();
}

/** Deletes the sessions that no request has used since `beforeMs`. */
export async function deleteExpiredBrowserSessions(
  tx: Db,
  { beforeMs }: { readonly beforeMs: number },
): Promise<void> {
  await tx.deleteFrom("browser_sessions").where("seen_at", "<=", beforeMs).execute();
}
