import * as accessTokens from "./accounts/access-tokens.ts";
import * as accountRemoval from "./accounts/account-removal.ts";
import * as accounts from "./accounts/accounts.ts";
import * as browserSessions from "./accounts/browser-sessions.ts";
import * as collaborators from "./accounts/collaborators.ts";
import * as invites from "./accounts/invites.ts";
import * as loginAttempts from "./accounts/login-attempts.ts";
import * as members from "./accounts/members.ts";
import * as profiles from "./accounts/profiles.ts";
import * as signingKeys from "./accounts/signing-keys.ts";
import * as teams from "./accounts/teams.ts";
import * as users from "./accounts/users.ts";
import * as repositoryDetails from "./catalog/repository-details.ts";
import * as searchIndex from "./catalog/search-index.ts";
import * as stars from "./catalog/stars.ts";
import * as audit from "./events/audit.ts";
import * as auditForwarding from "./events/audit-forwarding.ts";
import * as events from "./events/events.ts";
import * as deliveryStates from "./events/delivery-states.ts";
import * as webhookSecrets from "./events/webhook-secrets.ts";
import * as webhooks from "./events/webhooks.ts";
import * as checks from "./maintenance/checks.ts";
import * as collection from "./maintenance/collection.ts";
import * as instance from "./maintenance/instance.ts";
import * as jobPlans from "./maintenance/job-plans.ts";
import * as jobs from "./maintenance/jobs.ts";
import * as readOnlyMode from "./maintenance/read-only-mode.ts";
import * as retention from "./maintenance/retention.ts";
import * as retentionPolicies from "./maintenance/retention-policies.ts";
import * as addedMirrors from "./mirror/added-mirrors.ts";
import * as mirrorEviction from "./mirror/eviction.ts";
import * as mirrorFetches from "./mirror/fetches.ts";
import * as mirrors from "./mirror/mirrors.ts";
import * as mirrorReferences from "./mirror/references.ts";
import * as mirrorTags from "./mirror/tags.ts";
import * as blobs from "./registry/blobs.ts";
import * as manifests from "./registry/manifests.ts";
import * as putManifest from "./registry/put-manifest.ts";
import * as quotas from "./registry/quotas.ts";
import * as repositories from "./registry/repositories.ts";
import * as repositoryCreation from "./registry/repository-creation.ts";
import * as repositoryRemoval from "./registry/repository-removal.ts";
import * as storeBlob from "./registry/store-blob.ts";
import * as tagHistory from "./registry/tag-history.ts";
import * as tags from "./registry/tags.ts";
import * as uploads from "./registry/uploads.ts";
import type { Db } from "./schema.ts";

/** The functions of a file that are commands. The result keeps their declarations, so that an editor finds them. */
function pick<File, Name extends keyof File>(
  file: File,
  ...names: readonly Name[]
): Pick<File, Name> {
  return Object.fromEntries(names.map((name) => [name, file[name]])) as unknown as Pick<File, Name>;
}

/**
 * All commands that change the database: one function and one transaction each. Arguments and results are plain data,
 * since they may cross a thread; a rejection is a result, not an error.
 */
export const commands = {
  ...pick(blobs, "mountBlob", "leaseBlob", "unlinkBlob"),
  ...pick(manifests, "deleteManifest", "leaseManifest"),
  ...pick(putManifest, "putManifest"),
  ...pick(quotas, "setQuota", "removeQuota", "recountQuota"),
  ...pick(repositories, "setVisibility", "setImmutableTags"),
  ...pick(repositoryRemoval, "deleteRepository", "collectRepositories"),
  ...pick(repositoryCreation, "createRepository"),
  ...pick(storeBlob, "storeBlob"),
  ...pick(tagHistory, "rollBackTag"),
  ...pick(tags, "deleteTag", "deleteTags"),
  ...pick(uploads, "startUpload", "touchUpload", "reserveUpload", "endUpload"),
  ...pick(
    accessTokens,
    "createAccessToken",
    "updateAccessToken",
    "deleteAccessToken",
    "touchAccessToken",
  ),
  ...pick(accounts, "createAccount"),
  ...pick(accountRemoval, "deleteAccount"),
  ...pick(
    browserSessions,
    "startBrowserSession",
    "touchBrowserSession",
    "endBrowserSessions",
    "deleteExpiredBrowserSessions",
  ),
  ...pick(collaborators, "setCollaborator"),
  ...pick(invites, "createInvite", "deleteInvite", "acceptInvite"),
  ...pick(loginAttempts, "takeLoginAttempt", "returnLoginAttempt", "deleteFullLoginAttempts"),
  ...pick(members, "setMember", "removeMember"),
  ...pick(profiles, "changeProfile"),
  ...pick(signingKeys, "addSigningKey", "removeSigningKey", "resealSigningKeys"),
  ...pick(
    teams,
    "createTeam",
    "updateTeam",
    "deleteTeam",
    "addTeamMember",
    "removeTeamMember",
    "setTeamPermission",
  ),
  ...pick(users, "createFirstAdministrator", "changeUser"),
  ...pick(repositoryDetails, "setDescription"),
  ...pick(stars, "star", "unstar"),
  ...pick(searchIndex, "rankRepositories", "rankByStars"),
  ...pick(addedMirrors, "addMirror", "changeMirror", "removeMirror", "resealMirrors"),
  ...pick(mirrorEviction, "useMirrorBlobs", "evictMirrorBlobs"),
  ...pick(
    mirrorFetches,
    "beginMirrorFetch",
    "touchMirrorFetch",
    "endMirrorFetch",
    "storeMirrorBlob",
    "seeMirrorProcess",
    "forgetMirrorProcesses",
  ),
  ...pick(mirrors, "alignMirror", "setMirrorState", "addMirrorCounters", "setMirrorGauge"),
  ...pick(mirrorReferences, "setPlatform"),
  ...pick(mirrorTags, "checkMirrorTag", "pinMirrorTag", "unpinMirrorTag"),
  ...pick(audit, "recordServerChange"),
  ...pick(auditForwarding, "beginAuditForwarding", "recordAuditForwarding", "pruneAudit"),
  ...pick(webhooks, "createWebhook", "changeWebhook", "deleteWebhook"),
  ...pick(webhookSecrets, "rotateWebhookSecret", "resealWebhooks"),
  ...pick(
    deliveryStates,
    "recordAttempt",
    "redeliver",
    "redeliverDead",
    "pingWebhook",
    "pruneDeliveries",
  ),
  ...pick(events, "recordPulls"),
  ...pick(checks, "quarantineBlob", "restoreBlob", "recordScrub"),
  ...pick(collection, "collectManifests", "collectBlobs", "dropBlob"),
  ...pick(jobs, "beginJob", "touchJob", "endJob", "cancelJob"),
  ...pick(jobPlans, "planJob"),
  ...pick(readOnlyMode, "startReadOnlyMode", "endReadOnlyMode"),
  ...pick(retention, "expireTags", "expireManifests"),
  ...pick(retentionPolicies, "setRetention", "removeRetention"),
  ...pick(instance, "claimInstance", "renameInstance", "beginServing", "checkpoint"),
};

export type CommandName = keyof typeof commands;
export type CommandInput<N extends CommandName> = Parameters<(typeof commands)[N]>[1];

/** The commands as methods: each runs its function in the writer's thread, in one transaction. */
export type Commands = MethodsOf<typeof commands>;

type MethodsOf<Functions> = {
  readonly [N in keyof Functions]: Functions[N] extends (tx: Db, ...input: infer I) => infer Result
    ? (...input: I) => Result
    : never;
};

/** Methods that call `run` with the name of their command. */
export function createCommands(
  run: (name: CommandName, input: unknown) => Promise<unknown>,
): Commands {
  const methods = (Object.keys(commands) as CommandName[]).map(
    (name) => [name, (input: unknown) => run(name, input)] as const,
  );
  return Object.fromEntries(methods) as unknown as Commands;
}
