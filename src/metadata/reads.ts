import { createTokenOriginReads } from "./access-token-changes.ts";
import { createImageReads } from "./images.ts";
import { createInviteReads } from "./invites.ts";
import { createMembershipReads } from "./memberships.ts";
import { createRepositoryDetailReads } from "./repository-details.ts";
import { createRepositoryPageReads } from "./repository-pages.ts";
import { createSessionReads } from "./sessions.ts";
import { createStarReads } from "./stars.ts";
import { createTagPageReads } from "./tag-pages.ts";
import { createTeamGrantReads } from "./team-changes.ts";
import { createAccessTokenReads } from "./access-tokens.ts";
import { createAccountReads } from "./accounts.ts";
import { createAuditReads } from "./audit.ts";
import { createBlobReads } from "./blobs.ts";
import { createCatalogReads } from "./catalog.ts";
import { createCollectionReads } from "./collection.ts";
import { createInstanceReads } from "./instance.ts";
import { createManifestReads } from "./manifests.ts";
import { createManifestPlatformReads } from "./manifest-platforms.ts";
import { createMirrorCounterReads } from "./mirror-counters.ts";
import { createMirrorFetchReads } from "./mirror-fetches.ts";
import { createMirrorProcessReads } from "./mirror-processes.ts";
import { createMirrorPinReads } from "./mirror-pins.ts";
import { createMirrorStateReads } from "./mirror-states.ts";
import { createMirrorTagReads } from "./mirror-tags.ts";
import { createMirrorUseReads } from "./mirror-uses.ts";
import { createPermissionReads } from "./permissions/check.ts";
import { createRemovalReads } from "./removals.ts";
import { createQuotaReads } from "./quotas.ts";
import { createCollaboratorReads } from "./collaborators.ts";
import { createMemberReads } from "./members.ts";
import { createRepositoryReads } from "./repositories.ts";
import { createRightsReads } from "./rights.ts";
import { openReadConnection, queriesOn, type SqliteConnection } from "./sqlite/connection.ts";
import { createFreshness } from "./sqlite/freshness.ts";
import { createHotManifests } from "./sqlite/hot-manifests.ts";
import { createHotRepositories } from "./sqlite/hot-repositories.ts";
import { createSearchReads } from "./search.ts";
import { createSizeReads } from "./sizes.ts";
import { createTagHistoryReads } from "./tag-history.ts";
import { createTagReads } from "./tags.ts";
import { createTeamPermissionReads } from "./team-permissions.ts";
import { createTeamReads } from "./teams.ts";
import { createUpkeepReads } from "./upkeep.ts";
import { createUploadReads } from "./uploads.ts";

export type Reads = ReturnType<typeof createReads>;

/** Everything that can be read from the database in `file`, on a connection of its own. */
export const openReads = (file: string) => createReads(openReadConnection(file));

/** The same on a connection that is open already. */
export function createReads(connection: SqliteConnection) {
  const db = queriesOn(connection);
  const freshness = createFreshness(connection);
  return {
    accounts: createAccountReads(db),
    accessTokens: createAccessTokenReads(db),
    audit: createAuditReads(db),
    members: createMemberReads(db),
    teams: createTeamReads(db),
    teamPermissions: createTeamPermissionReads(db),
    collaborators: createCollaboratorReads(db),
    rights: createRightsReads(db),
    repositories: createRepositoryReads(db),
    blobs: createBlobReads(db),
    catalog: createCatalogReads(db),
    collection: createCollectionReads(db),
    manifests: createManifestReads(db),
    hotManifests: createHotManifests(connection, freshness),
    hotRepositories: createHotRepositories(connection, freshness),
    permissions: createPermissionReads(db),
    removals: createRemovalReads(db),
    quotas: createQuotaReads(db),
    search: createSearchReads(db, freshness),
    sizes: createSizeReads(db),
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
    upkeep: createUpkeepReads(db),
    /** Another value as soon as anybody has committed. */
    version: () => freshness.version(),
    /** Before an answer that has to see what was just written. */
    recheck: () => freshness.recheck(),
    probe: async (): Promise<void> => {
      await db.selectFrom("repositories").select("id").limit(1).execute();
    },
    close: () => db.destroy(),
  };
}
