import { createAccessTokenReads } from "./accounts/access-tokens.ts";
import { createAccountPageReads } from "./accounts/account-pages.ts";
import { createAccountReads } from "./accounts/accounts.ts";
import { createBrowserSessionReads } from "./accounts/browser-sessions.ts";
import { createCollaboratorReads } from "./accounts/collaborators.ts";
import { createInviteReads } from "./accounts/invites.ts";
import { createMemberReads } from "./accounts/members.ts";
import { createMembershipReads } from "./accounts/memberships.ts";
import { createProfileReads } from "./accounts/profiles.ts";
import { createRepositoryAccessReads } from "./accounts/repository-access.ts";
import { createSigningKeyReads } from "./accounts/signing-keys.ts";
import { createTeamReads } from "./accounts/teams.ts";
import { createImageReads } from "./catalog/images.ts";
import { createRepositoryDetailReads } from "./catalog/repository-details.ts";
import { createNamespacePageReads } from "./catalog/namespace-pages.ts";
import type { SearchIndex } from "./catalog/search-index.ts";
import { createSearchReads } from "./catalog/search.ts";
import { createStarReads } from "./catalog/stars.ts";
import { createStorageUsageReads } from "./catalog/storage-usage.ts";
import { createTagPageReads } from "./catalog/tag-pages.ts";
import { createTagRemovalReads } from "./catalog/tag-removal.ts";
import { createTagRelationReads } from "./catalog/tag-relations.ts";
import { createCatalogReads } from "./catalog/visibility-filter.ts";
import { createActivityReads } from "./events/activity.ts";
import { createAuditForwardingReads } from "./events/audit-forwarding.ts";
import { createAuditLogReads } from "./events/audit-log.ts";
import { createAuditReads } from "./events/audit.ts";
import { createDeliveryReads } from "./events/deliveries.ts";
import { createWebhookSecretReads } from "./events/webhook-secrets.ts";
import { createWebhookReads } from "./events/webhook-reads.ts";
import { createMaintenanceReads } from "./maintenance/checks.ts";
import { createCollectionReads } from "./maintenance/collection.ts";
import { createInstanceReads } from "./maintenance/instance.ts";
import { createJobPlanReads } from "./maintenance/job-plans.ts";
import { createJobReads } from "./maintenance/job-reads.ts";
import { createStoredBlobReads } from "./maintenance/stored-blobs.ts";
import { createRetentionPolicyReads } from "./maintenance/retention-policies.ts";
import { createReadOnlyModeReads } from "./maintenance/read-only-mode.ts";
import { createRetentionReads } from "./maintenance/retention-reads.ts";
import { createAddedMirrorReads } from "./mirror/added-mirrors.ts";
import { createMirrorUseReads } from "./mirror/eviction.ts";
import { createMirrorFetchReads, createMirrorProcessReads } from "./mirror/fetches.ts";
import { createMirrorReads } from "./mirror/mirrors.ts";
import { createMirrorReferenceReads } from "./mirror/references.ts";
import { createMirrorTagReads } from "./mirror/tags.ts";
import { createPermissionReads } from "./permissions/check.ts";
import { createRepositoryPermissionReads } from "./permissions/facts.ts";
import { createBlobReads } from "./registry/blobs.ts";
import { createManifestReads } from "./registry/manifests.ts";
import { createQuotaReads } from "./registry/quota-reads.ts";
import { createRemovalReads } from "./registry/repository-removal.ts";
import { createRepositoryReads } from "./registry/repositories.ts";
import { createTagHistoryReads } from "./registry/tag-history.ts";
import { createTagReads } from "./registry/tags.ts";
import { createUploadReads } from "./registry/uploads.ts";
import type { Facts } from "./facts.ts";
import type { Db } from "./schema.ts";

/** The reads that each kind of database has in its own code. All others are queries that every kind understands. */
export interface OwnReads {
  readonly facts: Facts;
  /** Another value after each commit, of any process. */
  version(): Promise<unknown>;
  readonly searchIndex: SearchIndex;
  /** The size of the database in bytes. */
  sizeBytes(): Promise<number>;
  /** The damage that the database finds in its own files; empty if there is none. `quick`: without the indexes. */
  integrity(quick: boolean): Promise<readonly string[]>;
}

export type Reads = ReturnType<typeof createReads>;

type ReadsOfNoun = Readonly<Record<string, (...input: never) => Promise<unknown>>>;

/**
 * All reads, by noun. `own` are those of this kind of database.
 * @param lists for lists that may be older than the last change, such as a standby of PostgreSQL
 */
export function createReads(db: Db, { searchIndex, ...own }: OwnReads, lists: Db = db) {
  const queries = {
    repositories: createRepositoryReads(db),
    removals: createRemovalReads(db),
    blobs: { ...createBlobReads(db), find: own.facts.blobs.get },
    manifests: createManifestReads(db),
    tags: createTagReads(db),
    tagHistory: createTagHistoryReads(db),
    uploads: createUploadReads(db),
    quotas: createQuotaReads(db),
    accounts: createAccountReads(db),
    accountPages: createAccountPageReads(db),
    accessTokens: createAccessTokenReads(db),
    repositoryAccess: createRepositoryAccessReads(db),
    profiles: createProfileReads(db),
    browserSessions: createBrowserSessionReads(db),
    signingKeys: createSigningKeyReads(db),
    members: createMemberReads(db),
    memberships: createMembershipReads(db),
    teams: createTeamReads(db),
    collaborators: createCollaboratorReads(db),
    invites: createInviteReads(db),
    permissions: createPermissionReads(db),
    repositoryPermissions: createRepositoryPermissionReads(db),
    catalog: createCatalogReads(lists),
    images: createImageReads(db),
    repositoryDetails: createRepositoryDetailReads(db),
    namespacePages: createNamespacePageReads(lists),
    stars: createStarReads(db),
    storageUsage: createStorageUsageReads(db),
    tagPages: createTagPageReads(lists),
    tagRelations: createTagRelationReads(lists),
    tagRemoval: createTagRemovalReads(lists),
    mirrors: createMirrorReads(db),
    addedMirrors: createAddedMirrorReads(db),
    mirrorFetches: createMirrorFetchReads(db),
    mirrorProcesses: createMirrorProcessReads(db),
    mirrorReferences: createMirrorReferenceReads(db),
    mirrorTags: createMirrorTagReads(db),
    mirrorUses: createMirrorUseReads(db),
    audit: createAuditReads(lists),
    activity: createActivityReads(lists),
    auditLog: createAuditLogReads(lists),
    auditForwarding: createAuditForwardingReads(db),
    webhooks: createWebhookReads(db),
    webhookSecrets: createWebhookSecretReads(db),
    webhookDeliveries: createDeliveryReads(db),
    collection: createCollectionReads(db),
    instance: createInstanceReads(db),
    jobs: createJobReads(db),
    jobPlans: createJobPlanReads(db),
    readOnlyMode: createReadOnlyModeReads(db),
    retention: createRetentionReads(db),
    retentionPolicies: createRetentionPolicyReads(db),
    maintenance: createMaintenanceReads(db),
    storedBlobs: createStoredBlobReads(db),
    search: createSearchReads(lists, searchIndex),
  } satisfies Readonly<Record<string, ReadsOfNoun>>;
  return { ...queries, ...own };
}
