import { namespaceOf } from "../../oci/name.ts";
import { commands, type CommandInput, type CommandName } from "../commands.ts";
import { accessTokenOf, type Actor } from "../permissions/authority.ts";
import type { Db } from "../schema.ts";
import { unflushed, type PooledConnection } from "./connection.ts";

/**
 * Runs a command as one statement, which is its own transaction. The result is the one that the command would have.
 * `undefined`: it changed nothing, and the command must run in a transaction.
 */
export type Shortcut = (
  connection: PooledConnection,
  input: unknown,
) => Promise<{ readonly result: unknown } | undefined>;

/** A command that is one statement on both databases, and that may run twice. */
const oneStatement =
  (name: CommandName): Shortcut =>
  async (connection, input) => {
    const command = commands[name] as (tx: Db, input: unknown) => Promise<unknown>;
    return { result: await command(connection.queries, input) };
  };

/**
 * The commands of a push. As transactions they cost 29 round trips an image, and pushes into one repository wait for
 * each other meanwhile. All of them may run twice, so that a lost answer needs no transaction id; a manifest that is put
 * twice has two audit rows, as if the client had pushed it twice.
 */
export const shortcuts: Readonly<Partial<Record<CommandName, Shortcut>>> = {
  storeBlob: (connection, input) => storeBlob(connection, input as CommandInput<"storeBlob">),
  putManifest: (connection, input) => putManifest(connection, input as CommandInput<"putManifest">),
  startUpload: oneStatement("startUpload"),
  touchUpload: oneStatement("touchUpload"),
  leaseBlob: oneStatement("leaseBlob"),
  leaseManifest: oneStatement("leaseManifest"),
  touchAccessToken: oneStatement("touchAccessToken"),
};

/** The same without a flush. */
export const unflushedShortcuts: typeof shortcuts = {
  async startUpload(connection, input) {
    const { id, repository, ...upload } = input as CommandInput<"startUpload">;
    await connection.query(
      `INSERT INTO uploads (id, repository, storage_reference, started_at, touched_at, account_id)
       SELECT $1, $2, $3, $4, $5, $6 WHERE ${unflushed} ON CONFLICT (id) DO NOTHING`,
      [
        ...[id, repository, upload.storage_reference],
        ...[upload.started_at, upload.touched_at, upload.account_id],
      ],
    );
    return { result: undefined };
  },
};

/** The number of removals that the grant covers; `null`: not checked. */
const removalsOf = ({ authority }: Actor): number | null =>
  (authority.kind === "client" ? authority.removals : undefined) ?? null;

/** `store_blob` of migrations/postgres. */
async function storeBlob(
  connection: PooledConnection,
  blob: CommandInput<"storeBlob">,
): Promise<{ readonly result: "stored" | "duplicate" } | undefined> {
  const { repository, digest, sizeBytes, storageKey, uploadId = null, rules } = blob;
  if (rules.defaultQuotaBytes !== null) return undefined;
  const { rows } = await connection.query<{ readonly result: "stored" | "duplicate" | null }>(
    "SELECT store_blob($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS result",
    [
      ...[repository, namespaceOf(repository), digest, sizeBytes, storageKey, uploadId],
      ...[blob.nowMs, blob.dueAtMs, blob.leasedUntilMs, removalsOf(blob.actor)],
    ],
  );
  const result = rows[0]?.result ?? undefined;
  return result && { result };
}

/** `put_manifest` of migrations/postgres. */
async function putManifest(
  connection: PooledConnection,
  put: CommandInput<"putManifest">,
): Promise<{ readonly result: { readonly outcome: "stored" } } | undefined> {
  const { repository, tags, actor, nowMs, dueAtMs, sparse, rules, references } = put;
  if (rules.defaultQuotaBytes !== null) return undefined;
  if (put.tagsCheckedAtMs !== undefined || put.pushedAtMs !== undefined) return undefined;
  const { content, ...manifest } = put.manifest;
  const { rows } = await connection.query<{ readonly isStored: boolean | null }>(
    'SELECT put_manifest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS "isStored"',
    [
      ...[repository, namespaceOf(repository), JSON.stringify(manifest), content],
      ...[JSON.stringify(references), tags, actor.name, actor.peer, nowMs, dueAtMs, sparse],
      ...[removalsOf(actor), accessTokenOf(actor) ?? null],
    ],
  );
  return rows[0]?.isStored === true ? { result: { outcome: "stored" } } : undefined;
}
