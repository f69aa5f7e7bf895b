import type { Database } from "./schema.ts";

/** Who does something, and from where, as the audit log keeps it. */
export interface Actor {
  /** `null`: anonymous, open mode, or the command line. */
  readonly accountId: number | null;
  /** Of the account; empty for anonymous, `berth` for the command line. */
  readonly name: string;
  /** The address it came from; empty where there is none. */
  readonly peer: string;
}

export interface NewAuditRow {
  readonly nowMs: number;
  readonly actor: Actor;
  /** The namespace it happened to. */
  readonly account: string;
  /** `repo.tag.push`, `org.member.add`, … */
  readonly action: string;
  /** `team/app`, `team/app:1.4`, a user's or team's name. */
  readonly subject: string;
  readonly data?: Record<string, string>;
}

/** Writes down what a command does, in its own transaction: what did not happen leaves no row. */
export async function writeAudit(tx: Database, row: NewAuditRow): Promise<void> {
  await tx
    .insertInto("audit_log")
    .values({
      at: row.nowMs,
      actor: row.actor.name,
      account: row.account,
      action: row.action,
      subject: row.subject,
      data: JSON.stringify(row.data ?? {}),
      peer: row.actor.peer,
    })
    .execute();
}
