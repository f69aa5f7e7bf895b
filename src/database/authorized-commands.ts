import { commands, type CommandInput, type CommandName } from "./commands.ts";
import type { Actor } from "./permissions/authority.ts";
import { demandAuthority } from "./permissions/check.ts";
import type { Db } from "./schema.ts";

/* The check of the authority of an actor, which runs in the transaction of its command. */

/**
 * Commands without an actor. They do the registry's own maintenance, or what a client may always do with its own data.
 * All other commands take an actor, and its authority is checked before they run.
 */
type InternalCommand =
  // Uploads: a session belongs to the account that started it, and its bytes are not visible before `storeBlob` closes
  // it.
  | ("startUpload" | "touchUpload" | "reserveUpload" | "endUpload")
  // A HEAD by a pusher extends the lease of a blob or a manifest; an access token's last use is recorded.
  | ("leaseBlob" | "leaseManifest" | "touchAccessToken")
  // Logins.
  | ("touchBrowserSession" | "deleteExpiredBrowserSessions")
  | ("takeLoginAttempt" | "returnLoginAttempt" | "deleteFullLoginAttempts")
  // Operators and the start of a server.
  | ("addSigningKey" | "removeSigningKey" | "resealSigningKeys")
  // Maintenance and startup.
  | (
      | "beginServing"
      | "checkpoint"
      | "claimInstance"
      | "renameInstance"
      | "dropBlob"
      | "quarantineBlob"
      | "restoreBlob"
      | "recordScrub"
    )
  | ("collectBlobs" | "collectManifests" | "collectRepositories")
  | ("touchJob" | "endJob" | "planJob")
  | ("recountQuota" | "rankRepositories" | "rankByStars")
  // Mirrors.
  | (
      | "addMirrorCounters"
      | "setMirrorGauge"
      | "setMirrorState"
      | "alignMirror"
      | "checkMirrorTag"
      | "evictMirrorBlobs"
    )
  | ("beginMirrorFetch" | "touchMirrorFetch" | "endMirrorFetch" | "storeMirrorBlob")
  | ("seeMirrorProcess" | "forgetMirrorProcesses" | "useMirrorBlobs")
  | ("setPlatform" | "resealMirrors")
  // The age of the audit log, and its receiver.
  | ("pruneAudit" | "beginAuditForwarding" | "recordAuditForwarding")
  // Webhooks: the dispatcher, and pulls.
  | ("recordAttempt" | "pruneDeliveries" | "recordPulls" | "resealWebhooks");

/** Type check: a command that takes no actor and is not an InternalCommand does not compile. */
type EveryCommandIsAuthorized = {
  readonly [N in CommandName]: N extends InternalCommand
    ? unknown
    : CommandInput<N> extends { readonly actor: Actor; readonly nowMs: number }
      ? unknown
      : "takes no actor, and is no InternalCommand";
};

export interface GivenInput {
  readonly actor?: Actor;
  readonly nowMs: number;
}

/**
 * Runs a command in the transaction `tx`. If it has an actor, its authority is checked first. Throws
 * NotAuthorizedError.
 */
export async function performAuthorized(tx: Db, name: string, input: unknown): Promise<unknown> {
  const known = commands satisfies EveryCommandIsAuthorized as unknown;
  const command = (known as Readonly<Record<string, AnyCommand | undefined>>)[name];
  if (command === undefined) throw new Error(`no command ${name}`);
  const { actor, nowMs } = (input ?? {}) as GivenInput;
  if (actor !== undefined) await demandAuthority(tx, actor, nowMs);
  return command(tx, input);
}

/**
 * Checks the authority of a push or delete again, after the command has its locks: on PostgreSQL another transaction may
 * have ended the permission, or removed the repository, since the first check. Not for changes by the API, which may
 * end the permission of their own actor. Throws NotAuthorizedError.
 */
export async function authorizeAgain(tx: Db, input: unknown): Promise<void> {
  const { actor, nowMs } = (input ?? {}) as GivenInput;
  if (actor?.authority.kind === "client" && actor.authority.permission.of === "registry")
    await demandAuthority(tx, actor, nowMs);
}

/** The writer looks commands up by name, so their types are erased here. */
type AnyCommand = (tx: Db, input: unknown) => Promise<unknown>;
