import { createTokenOriginReads } from "./accounts/access-token-changes.ts";
import { createImageReads } from "./catalog/images.ts";
import { createInviteReads } from "./accounts/invites.ts";
import { createMembershipReads } from "./accounts/memberships.ts";
import { createRepositoryDetailReads } from "./catalog/repository-details.ts";
import { createRepositoryPageReads } from "./catalog/repository-pages.ts";
import { createSessionReads } from "./accounts/sessions.ts";
import { createStarReads } from "./catalog/stars.ts";
import { createTagPageReads } from "./catalog/tag-pages.ts";
import { createTeamGrantReads } from "./accounts/team-changes.ts";
import { createAccessTokenReads } from "./accounts/access-tokens.ts";
import { createAccountReads } from "./accounts/accounts.ts";
import { createAuditReads } from "./events/audit.ts";
import { createBlobReads } from "./registry/blobs.ts";
import { createCatalogReads } from "./registry/catalog.ts";
import { createCollectionReads } from "./maintenance/collection.ts";
import { createInstanceReads } from "./maintenance/instance.ts";
import { createManifestReads } from "./registry/manifests.ts";
import { createManifestPlatformReads } from "./registry/manifest-platforms.ts";
import { createMirrorCounterReads } from "./mirror/counters.ts";
import { createMirrorFetchReads } from "./mirror/fetches.ts";
import { createMirrorProcessReads } from "./mirror/processes.ts";
import { createMirrorPinReads } from "./mirror/pins.ts";
import { createMirrorStateReads } from "./mirror/states.ts";
import { createMirrorTagReads } from "./mirror/tags.ts";
import { createMirrorUseReads } from "./mirror/uses.ts";
import { createPermissionReads } from "./permissions/check.ts";
import { createRemovalReads } from "./registry/removals.ts";
import { createQuotaReads } from "./registry/quotas.ts";
import { createCollaboratorReads } from "./accounts/collaborators.ts";
import { createMemberReads } from "./accounts/members.ts";
import { createRepositoryReads } from "./registry/repositories.ts";
import { createRepositoryPermissionReads } from "./permissions/facts.ts";
import { openReadConnection, queriesOn, type SqliteConnection } from "./sqlite/connection.ts";
import { createCacheInvalidation } from "./sqlite/cache-invalidation.ts";
import { createManifestCache } from "./sqlite/manifest-cache.ts";
import { createRepositoryCache } from "./sqlite/repository-cache.ts";
import { createSearchReads } from "./catalog/search.ts";
import { createStorageUsageReads } from "./catalog/storage-usage.ts";
import { createTagHistoryReads } from "./registry/tag-history.ts";
import { createTagReads } from "./registry/tags.ts";
import { createTeamPermissionReads } from "./accounts/team-permissions.ts";
import { createTeamReads } from "./accounts/teams.ts";
import { createMaintenanceReads } from "./maintenance/checks.ts";
import { createUploadReads } from "./registry/uploads.ts";

export type Reads = ReturnType<typeof createReads>;

/** All reads of the database in `file`, on their own connection. */
export const openReads = (file: string) => createReads(openReadConnection(file));

/** The same on a connection that is already open. */
export function createReads(connection: SqliteConnection) {
  const db = queriesOn(connection);
  const cacheInvalidation = createCacheInvalidation(connection);
  return {
    accounts: createAccountReads(db),
    accessTokens: createAccessTokenReads(db),
    audit: createAuditReads(db),
    members: createMemberReads(db),
    teams: createTeamReads(db),
    teamPermissions: createTeamPermissionReads(db),
    collaborators: createCollaboratorReads(db),
    repositoryPermissions: createRepositoryPermissionReads(db),
    repositories: createRepositoryReads(db),
    blobs: createBlobReads(db),
    catalog: createCatalogReads(db),
    collection: createCollectionReads(db),
    manifests: createManifestReads(db),
    manifestCache: createManifestCache(connection, cacheInvalidation),
    repositoryCache: createRepositoryCache(connection, cacheInvalidation),
    permissions: createPermissionReads(db),
    removals: createRemovalReads(db),
    quotas: createQuotaReads(db),
    search: createSearchReads(db, cacheInvalidation),
    storageUsage: createStorageUsageReads(db),
    tagHistory: createTagHistoryReads(db),
    manifestPlatforms: createManifestPlatformReads(db),
    mirrorCounters: createMirrorCounterReads(db),
    mirrorFetches: createMirrorFetchReads(db),
    mirrorProcesses: createMirrorProcessReads(db),
    mirrorPins: createMirrorPinReads(db),
    mirrorStates: createMirrorStateReads(db),
    mirrorTags: createMirrorTagReads(db),
    mirrorUses: createMirrorUseReads(db),
    tags: createTagReads(db),
    uploads: createUploadReads(db),
    instance: createInstanceReads(db),
    tokenOrigins: createTokenOriginReads(db),
    images: createImageReads(db),
    invites: createInviteReads(db),
    memberships: createMembershipReads(db),
    repositoryDetails: createRepositoryDetailReads(db),
    repositoryPages: createRepositoryPageReads(db),
    sessions: createSessionReads(db),
    stars: createStarReads(db),
    tagPages: createTagPageReads(db),
    teamGrants: createTeamGrantReads(db),
    maintenance: createMaintenanceReads(db),
    /** Changes when another connection has committed. */
    version: () => cacheInvalidation.version(),
    /** Call it before an answer that must see the last write. */
    invalidate: () => cacheInvalidation.invalidate(),
    probe: async (): Promise<void> => {
      await db.selectFrom("repositories").select("id").limit(1).execute();
    },
    close: () => db.destroy(),
  };
}
