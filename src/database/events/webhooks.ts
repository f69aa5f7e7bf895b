import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import { lockName } from "../locks.ts";
import { lockRepository } from "../registry/repositories.ts";
import type { Db } from "../schema.ts";
import { writeAudit, type AuditAction, type AuditContext } from "./audit.ts";
import type { PayloadFormat, WantedEvent } from "../../api/event-types.ts";

/*
 * The webhooks of the server, of a namespace or of a repository. The scope of the server is '', that of a namespace is its
 * name, and that of a repository is its whole name, which has a slash.
 */

export interface WebhookChange extends AuditContext {
  readonly scope: string;
  readonly id: string;
}

interface CreateWebhook extends WebhookChange {
  readonly url: string;
  readonly format: PayloadFormat;
  readonly events: readonly WantedEvent[];
  /** Encrypted. */
  readonly secret: Uint8Array;
  /** The header `Authorization`, encrypted; `null`: deliveries have none. */
  readonly authorization: Uint8Array | null;
  /** Webhooks of one scope. */
  readonly atMost: number;
}

/** `absent`: the repository or the account of the scope does not exist. */
export async function createWebhook(
  tx: Db,
  given: CreateWebhook,
): Promise<"created" | "absent" | "too many"> {
  const { id, scope, url, format, secret, authorization, events, actor, nowMs } = given;
  await lockName(tx, `namespace ${namespaceOfScope(scope)}`);
  if (!(await isThere(tx, scope))) return "absent";
  const { count } = await tx
    .selectFrom("webhooks")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("scope", "=", scope)
    .where("ended_at", "is", null)
    .executeTakeFirstOrThrow();
  if (count >= given.atMost) return "too many";
  await tx
    .insertInto("webhooks")
    .values({
      ...{ id, scope, url, format, secret, auth_header: authorization },
      ...{ creator: actor.name, created_at: nowMs },
    })
    .execute();
  await writeEvents(tx, id, events);
  await auditWebhook(tx, given, "create", {
    url: withoutPath(url),
    format,
    events: events.join(" "),
    ...(authorization === null ? {} : { authorization: "set" }),
  });
  return "created";
}

async function isThere(tx: Db, scope: string): Promise<boolean> {
  if (scope === "") return true;
  if (scope.includes("/"))
    return (await lockRepository(tx, scope as RepositoryName, "share")) !== undefined;
  // In open mode, and for an administrator, a namespace needs no account.
  const found = await tx
    .selectFrom("accounts")
    .select("id")
    .where("name", "=", scope)
    .unionAll(tx.selectFrom("repositories").select("id").where("namespace", "=", scope))
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

async function writeEvents(tx: Db, id: string, events: readonly WantedEvent[]): Promise<void> {
  await tx.deleteFrom("webhook_events").where("webhook_id", "=", id).execute();
  if (events.length === 0) return;
  const rows = events.map((type) => ({ webhook_id: id, type }));
  await tx.insertInto("webhook_events").values(rows).execute();
}

interface ChangeWebhook extends WebhookChange {
  readonly url: string | undefined;
  readonly format: PayloadFormat | undefined;
  readonly events: readonly WantedEvent[] | undefined;
  readonly isActive: boolean | undefined;
  /** The header `Authorization`, encrypted; `null` removes it. */
  readonly authorization: Uint8Array | null | undefined;
}

/** Changes what is given. False: there is no such webhook. */
export async function changeWebhook(tx: Db, change: ChangeWebhook): Promise<boolean> {
  const { id, scope, url, format, events, isActive, authorization } = change;
  const changed = await tx
    .updateTable("webhooks")
    .set((row) => ({
      url: url ?? row.ref("url"),
      format: format ?? row.ref("format"),
      is_active: isActive === undefined ? row.ref("is_active") : isActive ? 1 : 0,
      auth_header: authorization === undefined ? row.ref("auth_header") : authorization,
    }))
    .where("id", "=", id)
    .where("scope", "=", scope)
    .where("ended_at", "is", null)
    .executeTakeFirst();
  if (changed.numUpdatedRows === 0n) return false;
  if (events !== undefined) await writeEvents(tx, id, events);
  await auditWebhook(tx, change, "update", {
    ...(url === undefined ? {} : { url: withoutPath(url) }),
    ...(format === undefined ? {} : { format }),
    ...(events === undefined ? {} : { events: events.join(" ") }),
    ...(isActive === undefined ? {} : { active: String(isActive) }),
    ...(authorization === undefined
      ? {}
      : { authorization: authorization === null ? "removed" : "set" }),
  });
  return true;
}

/** Deletes a webhook with its deliveries. False: there is no such webhook. */
export async function deleteWebhook(tx: Db, change: WebhookChange): Promise<boolean> {
  const deleted = await tx
    .deleteFrom("webhooks")
    .where("id", "=", change.id)
    .where("scope", "=", change.scope)
    .where("ended_at", "is", null)
    .executeTakeFirst();
  if (deleted.numDeletedRows === 0n) return false;
  await auditWebhook(tx, change, "delete", {});
  return true;
}

/** The namespace of a scope; of the server it is `berth`, as in the audit log. */
const namespaceOfScope = (scope: string): string =>
  scope === "" ? "berth" : scope.includes("/") ? namespaceOf(scope as RepositoryName) : scope;

export async function auditWebhook(
  tx: Db,
  { scope, id, actor, nowMs }: WebhookChange,
  verb: "create" | "update" | "delete",
  data: Record<string, string>,
): Promise<void> {
  const kind = scope === "" ? "server" : scope.includes("/") ? "repo" : "org";
  const action: AuditAction = `${kind}.webhook.${verb}`;
  const account = namespaceOfScope(scope);
  const subject = scope === "" ? "berth" : scope;
  await writeAudit(tx, { nowMs, actor, account, action, subject, data: { webhook: id, ...data } });
}

/** The path of a URL may be a secret of the receiver. */
const withoutPath = (url: string): string => new URL(url).origin;
