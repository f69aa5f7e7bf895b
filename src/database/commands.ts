import { accessTokenChangeCommands } from "./accounts/access-token-changes.ts";
import { descriptionCommands } from "./catalog/descriptions.ts";
import { inviteCommands } from "./accounts/invites.ts";
import { starCommands } from "./catalog/stars.ts";
import { storeBlobCommands } from "./registry/store-blob.ts";
import { teamChangeCommands } from "./accounts/team-changes.ts";
import { accountRemovalCommands } from "./accounts/removal.ts";
import { accessTokenCommands } from "./accounts/access-tokens.ts";
import { accountCommands } from "./accounts/accounts.ts";
import { blobCommands } from "./registry/blobs.ts";
import { collaboratorCommands } from "./accounts/collaborators.ts";
import { collectionCommands } from "./maintenance/collection.ts";
import { instanceCommands } from "./maintenance/instance.ts";
import { manifestCommands } from "./registry/manifests.ts";
import { manifestPlatformCommands } from "./registry/manifest-platforms.ts";
import { mirrorCounterCommands } from "./mirror/counters.ts";
import { mirrorFetchCommands } from "./mirror/fetches.ts";
import { mirrorProcessCommands } from "./mirror/processes.ts";
import { mirrorNamespaceCommands } from "./mirror/namespaces.ts";
import { mirrorPinCommands } from "./mirror/pins.ts";
import { mirrorStateCommands } from "./mirror/states.ts";
import { mirrorTagCommands } from "./mirror/tags.ts";
import { mirrorUseCommands } from "./mirror/uses.ts";
import { quotaCommands } from "./registry/quotas.ts";
import { repositoryCreationCommands } from "./registry/repository-creation.ts";
import { repositoryRemovalCommands } from "./registry/repository-removal.ts";
import { repositorySettingsCommands } from "./registry/repository-settings.ts";
import { memberCommands } from "./accounts/members.ts";
import type { Actor } from "./permissions/authority.ts";
import { demandAuthority } from "./permissions/check.ts";
import type { Db } from "./schema.ts";
import { tagHistoryCommands } from "./registry/tag-history.ts";
import { tagCommands } from "./registry/tags.ts";
import { searchCommands } from "./catalog/search.ts";
import { teamPermissionCommands } from "./accounts/team-permissions.ts";
import { teamCommands } from "./accounts/teams.ts";
import { maintenanceCommands } from "./maintenance/checks.ts";
import { uploadQuotaCommands } from "./registry/upload-reservations.ts";
import { uploadCommands } from "./registry/uploads.ts";
import { userCommands } from "./accounts/users.ts";

/**
 * All commands that change the database: one function and one transaction each. Arguments and results are plain data,
 * since they may cross a thread; a rejection is a result, not an error.
 */
export const commands = {
  ...accessTokenChangeCommands,
  ...accessTokenCommands,
  ...accountCommands,
  ...accountRemovalCommands,
  ...blobCommands,
  ...collaboratorCommands,
  ...collectionCommands,
  ...descriptionCommands,
  ...instanceCommands,
  ...inviteCommands,
  ...manifestCommands,
  ...manifestPlatformCommands,
  ...mirrorCounterCommands,
  ...mirrorFetchCommands,
  ...mirrorNamespaceCommands,
  ...mirrorPinCommands,
  ...mirrorProcessCommands,
  ...mirrorStateCommands,
  ...mirrorTagCommands,
  ...mirrorUseCommands,
  ...quotaCommands,
  ...repositoryCreationCommands,
  ...repositoryRemovalCommands,
  ...repositorySettingsCommands,
  ...memberCommands,
  ...searchCommands,
  ...starCommands,
  ...storeBlobCommands,
  ...tagCommands,
  ...tagHistoryCommands,
  ...teamChangeCommands,
  ...teamCommands,
  ...teamPermissionCommands,
  ...maintenanceCommands,
  ...uploadCommands,
  ...uploadQuotaCommands,
  ...userCommands,
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
