import { accessTokenCommands } from "./accounts/access-tokens.ts";
import { accountCommands } from "./accounts/accounts.ts";
import { collaboratorCommands } from "./accounts/collaborators.ts";
import { inviteCommands } from "./accounts/invites.ts";
import { memberCommands } from "./accounts/members.ts";
import { teamCommands } from "./accounts/teams.ts";
import { userCommands } from "./accounts/users.ts";
import { catalogRepositoryCommands } from "./catalog/repositories.ts";
import { searchCommands } from "./catalog/search-index.ts";
import { maintenanceCommands } from "./maintenance/checks.ts";
import { collectionCommands } from "./maintenance/collection.ts";
import { instanceCommands } from "./maintenance/instance.ts";
import { mirrorUseCommands } from "./mirror/eviction.ts";
import { mirrorFetchCommands } from "./mirror/fetches.ts";
import { mirrorCommands } from "./mirror/mirrors.ts";
import { mirrorReferenceCommands } from "./mirror/references.ts";
import { mirrorTagCommands } from "./mirror/tags.ts";
import type { Actor } from "./permissions/authority.ts";
import { demandAuthority } from "./permissions/check.ts";
import { blobCommands } from "./registry/blobs.ts";
import { manifestCommands } from "./registry/manifests.ts";
import { putManifestCommands } from "./registry/put-manifest.ts";
import { quotaCommands } from "./registry/quotas.ts";
import { repositoryCommands } from "./registry/repositories.ts";
import { repositoryCreationCommands } from "./registry/repository-creation.ts";
import { storeBlobCommands } from "./registry/store-blob.ts";
import { tagHistoryCommands } from "./registry/tag-history.ts";
import { tagCommands } from "./registry/tags.ts";
import { uploadCommands } from "./registry/uploads.ts";
import type { Db } from "./schema.ts";

/**
 * All commands that change the database: one function and one transaction each. Arguments and results are plain data,
 * since they may cross a thread; a rejection is a result, not an error.
 */
export const commands = {
  ...blobCommands,
  ...manifestCommands,
  ...putManifestCommands,
  ...quotaCommands,
  ...repositoryCommands,
  ...repositoryCreationCommands,
  ...storeBlobCommands,
  ...tagCommands,
  ...tagHistoryCommands,
  ...uploadCommands,
  ...accessTokenCommands,
  ...accountCommands,
  ...collaboratorCommands,
  ...inviteCommands,
  ...memberCommands,
  ...teamCommands,
  ...userCommands,
  ...catalogRepositoryCommands,
  ...searchCommands,
  ...mirrorCommands,
  ...mirrorFetchCommands,
  ...mirrorReferenceCommands,
  ...mirrorTagCommands,
  ...mirrorUseCommands,
  ...collectionCommands,
  ...instanceCommands,
  ...maintenanceCommands,
};

type Commands = typeof commands;
export type CommandName = keyof Commands;
export type CommandInput<N extends CommandName> = Parameters<Commands[N]>[1];
export type CommandResult<N extends CommandName> = Awaited<ReturnType<Commands[N]>>;

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
  // Maintenance and startup.
  | (
      | "beginServing"
      | "checkpoint"
      | "claimInstance"
      | "dropBlob"
      | "quarantineBlob"
      | "restoreBlob"
      | "recordScrub"
    )
  | ("collectBlobs" | "collectManifests" | "reviewRepositories")
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
  | ("pinMirrorTag" | "unpinMirrorTag" | "setPlatform");

/** Type check: a command that takes no actor and is not an InternalCommand does not compile. */
type EveryCommandIsAuthorized = {
  readonly [N in CommandName]: N extends InternalCommand
    ? unknown
    : CommandInput<N> extends { readonly actor: Actor; readonly nowMs: number }
      ? unknown
      : "takes no actor, and is no InternalCommand";
};

interface GivenInput {
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

/** The writer looks commands up by name, so their types are erased here. */
type AnyCommand = (tx: Db, input: unknown) => Promise<unknown>;
