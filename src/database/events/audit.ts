import { sql, type RawBuilder } from "kysely";
import type { Actor } from "../permissions/authority.ts";
import { preparedForRows, type PlaceholderRows } from "../prepared.ts";
import type { Db } from "../schema.ts";

/**
 * The actions of audit rows: the kind of account, `repo`, `mirror` or `server`, then the noun and the verb. The account of
 * a row of `server` is `berth`.
 */
export const auditActions = [
  "repo.create",
  "repo.update",
  "repo.delete",
  "repo.change_privacy",
  "repo.immutable.tags.updated",
  "repo.tag.push",
  "repo.tag.delete",
  "repo.manifest.delete",
  "repo.retention.set",
  "repo.retention.remove",
  "repo.retention.run",
  "repo.blob.delete",
  "repo.collaborator",
  "repo.webhook.create",
  "repo.webhook.update",
  "repo.webhook.delete",
  "org.create",
  "org.update",
  "org.delete",
  "org.member.add",
  "org.member.remove",
  "org.member.role.change",
  "org.member.invite.send",
  "org.member.invite.accept",
  "org.member.invite.cancel",
  "org.team.create",
  "org.team.update",
  "org.team.delete",
  "org.team.member.add",
  "org.team.member.remove",
  "org.team.permission",
  "org.quota.set",
  "org.quota.remove",
  "org.webhook.create",
  "org.webhook.update",
  "org.webhook.delete",
  "org.retention.set",
  "org.retention.remove",
  "org.access_token.create",
  "org.access_token.update",
  "org.access_token.delete",
  "user.create",
  "user.update",
  "user.delete",
  "user.password",
  "user.disable",
  "user.enable",
  "user.admin.grant",
  "user.admin.revoke",
  "user.session.start",
  "user.session.end",
  "user.access_token.create",
  "user.access_token.update",
  "user.access_token.delete",
  "mirror.warm",
  "mirror.sync",
  "mirror.pin",
  "mirror.unpin",
  "server.collection",
  "server.scrub",
  "server.key.create",
  "server.key.delete",
  "server.upload.delete",
  "server.mirror.create",
  "server.mirror.update",
  "server.mirror.delete",
  "server.read_only.start",
  "server.read_only.end",
  "server.webhook.create",
  "server.webhook.update",
  "server.webhook.delete",
] as const;
export type AuditAction = (typeof auditActions)[number];

interface NewAuditRow {
  readonly nowMs: number;
  readonly actor: Actor;
  /** The namespace of the subject. */
  readonly account: string;
  readonly action: AuditAction;
  /** `team/app`, `team/app:1.4`, a user's or team's name. */
  readonly subject: string;
  readonly data?: Record<string, string>;
}

export interface AuditEntry {
  readonly id: number;
  readonly atMs: number;
  readonly actor: string;
  readonly account: string;
  readonly action: string;
  readonly subject: string;
  readonly data: Readonly<Record<string, string>>;
  readonly peer: string;
}

export interface AuditQuery {
  /** An account name; it may have belonged to several accounts. */
  readonly account?: string | undefined;
  /** Only the rows of the account with this id. */
  readonly accountId?: number | undefined;
  readonly actor?: string | undefined;
  /** An action or a prefix of it: `repo` and `repo.tag` match `repo.tag.push`. */
  readonly action?: string | undefined;
  /** The changed object. */
  readonly subject?: string | undefined;
  /** Skips this number of the newest rows. */
  readonly skip?: number | undefined;
  /** Inclusive. */
  readonly fromMs?: number | undefined;
  /** Exclusive. */
  readonly toMs?: number | undefined;
  readonly limit: number;
}

export const entryColumns = [
  "id",
  "at",
  "actor",
  "account",
  "action",
  "subject",
  "data",
  "peer",
] as const;

export function createAuditReads(db: Db) {
  return {
    /** Newest first. */
    async list(query: AuditQuery): Promise<readonly AuditEntry[]> {
      const { account, accountId, actor, action, subject, fromMs, toMs } = query;
      let rows = db.selectFrom("audit_log").select(entryColumns);
      if (account !== undefined) rows = rows.where("account", "=", account);
      if (accountId !== undefined) rows = rows.where("account_id", "=", accountId);
      if (actor !== undefined) rows = rows.where("actor", "=", actor);
      if (subject !== undefined) rows = rows.where("subject", "=", subject);
      if (fromMs !== undefined) rows = rows.where("at", ">=", fromMs);
      if (toMs !== undefined) rows = rows.where("at", "<", toMs);
      if (action !== undefined) {
        rows = rows.where(isAction(action));
      }
      const found = await rows
        .orderBy("at", "desc")
        .orderBy("id", "desc")
        .limit(query.limit)
        .offset(query.skip ?? 0)
        .execute();
      return found.map(entryOf);
    },
  };
}

/** SQL condition: the action of a row, or a prefix of it before a dot. */
export const isAction = (action: string): RawBuilder<boolean> =>
  // "/" is the character after "." in ASCII.
  sql`(action = ${action} OR (action >= ${`${action}.`} AND action < ${`${action}/`}))`;

export function entryOf({
  at,
  data,
  ...row
}: Omit<AuditEntry, "atMs" | "data"> & { readonly at: number; readonly data: string }): AuditEntry {
  return { ...row, atMs: at, data: JSON.parse(data) as Record<string, string> };
}

interface AuditRow {
  readonly nowMs: number;
  readonly actor: string;
  readonly account: string;
  readonly action: string;
  readonly subject: string;
  readonly data: string;
  readonly peer: string;
}

const insertRows = preparedForRows((db, rows: PlaceholderRows<AuditRow>) =>
  db.insertInto("audit_log").values(
    rows.map((row) => ({
      at: row.nowMs,
      actor: row.actor,
      account: row.account,
      account_id: db.selectFrom("accounts").select("id").where("name", "=", row.account),
      action: row.action,
      subject: row.subject,
      data: row.data,
      peer: row.peer,
    })),
  ),
);

/** Writes the audit rows of a command in the command's own transaction: a command that rolls back leaves no row. */
export async function writeAudit(tx: Db, ...rows: readonly NewAuditRow[]): Promise<void> {
  await insertRows.execute(
    tx,
    rows.map(({ actor, data = {}, ...row }) => ({
      ...{ ...row, data: JSON.stringify(data) },
      ...{ actor: actor.name, peer: actor.peer },
    })),
  );
}

/** The actor and the time of a change, for the audit row. */
export interface AuditContext {
  readonly actor: Actor;
  readonly nowMs: number;
}

/**
 * Records a change of the server that is no row of the database, such as a new signing key. The authority of the actor is
 * checked with it, so the caller changes nothing before.
 */
export async function recordServerChange(
  tx: Db,
  {
    actor,
    nowMs,
    ...row
  }: AuditContext & {
    readonly action: Extract<AuditAction, `server.${string}`>;
    readonly subject: string;
  },
): Promise<void> {
  await writeAudit(tx, { nowMs, actor, account: "berth", ...row });
}
