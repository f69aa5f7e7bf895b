import type { Accounts } from "../../accounts/accounts.ts";
import type { Collaborators } from "../../accounts/collaborators.ts";
import type { RepositoryAccess } from "../../accounts/repository-access.ts";
import type { BrowserSessions } from "../../auth/browser-sessions.ts";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { Sessions } from "../../auth/sessions.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import type { HubCatalog } from "./hub.ts";
import type { Webhooks } from "../../events/webhooks.ts";
import type { Retention } from "../../maintenance/retention/retention.ts";
import type { Quotas } from "../../registry/quotas.ts";
import type { Registry } from "../../registry/registry.ts";
import type { ClientInfo } from "../middleware/client-info.ts";
import { berthPullRoutes } from "../api/pulls.ts";
import { berthManifestRoutes } from "../api/manifests.ts";
import { berthReferrerRoutes } from "../api/referrers.ts";
import type { SessionCookie } from "../middleware/session-cookie.ts";
import type { Administration } from "../api/admin/administration.ts";
import { adminAuditRoutes } from "../api/admin/audit.ts";
import { adminOrganisationRoutes } from "../api/admin/organisations.ts";
import { quotaRoutes } from "../api/admin/quotas.ts";
import { adminTokenRoutes } from "../api/admin/tokens.ts";
import { adminUserRoutes } from "../api/admin/users.ts";
import { keyRoutes } from "../api/admin/keys.ts";
import { maintenanceRoutes } from "../api/admin/maintenance.ts";
import { readOnlyRoutes } from "../api/admin/read-only.ts";
import { jobRoutes } from "../api/admin/jobs.ts";
import { mirrorRoutes } from "../api/mirrors.ts";
import { berthRepositoryRoutes } from "../api/repositories.ts";
import { accessRoutes } from "../api/access.ts";
import { activityRoutes } from "../api/activity.ts";
import { namespaceRoutes } from "../api/namespaces.ts";
import { retentionRoutes } from "../api/retention.ts";
import { profileRoutes } from "../api/user.ts";
import { sessionRoutes, type SessionFacts } from "../api/session.ts";
import { webhookRoutes } from "../api/webhooks.ts";
import { berthTagRemovalRoutes } from "../api/tag-removal.ts";
import { berthTagDiffRoutes } from "../api/tag-diff.ts";
import { berthTagRoutes } from "../api/tags.ts";
import { auditRoutes } from "./audit/routes.ts";
import type { Route } from "../route.ts";
import { teamRoutes } from "./organisations/teams.ts";
import { inviteRoutes } from "./organisations/invites.ts";
import { loginRoutes } from "./accounts/login.ts";
import { memberRoutes } from "./organisations/memberships.ts";
import { organisationTokenRoutes } from "./organisations/access-tokens.ts";
import { createPager } from "./pages.ts";
import { personalTokenRoutes } from "./accounts/access-tokens.ts";
import { hubRepositoryRoutes } from "./repositories/routes.ts";
import { immutableTagRoutes } from "./repositories/immutable-tags.ts";
import { starRoutes } from "./repositories/stars.ts";
import { teamPermissionRoutes } from "./repositories/team-permissions.ts";
import { hubTagRoutes } from "./tags/routes.ts";
import { hubSearchRoutes } from "./search/routes.ts";
import { userRoutes } from "./accounts/users.ts";

export interface HubParts {
  readonly hub: HubCatalog;
  readonly accounts: Accounts;
  readonly policy: HubPolicy;
  /** `undefined` in open mode: there are no logins, and all callers are anonymous. */
  readonly sessions: Sessions | undefined;
  /** `undefined` in open mode. */
  readonly browserSessions: BrowserSessions | undefined;
  /** `repositories.defaultVisibility`. */
  readonly defaultVisibility: "private" | "public";
  readonly sessionFacts: SessionFacts;
  readonly quotas: Quotas;
  readonly access: RepositoryAccess;
  readonly collaborators: Pick<Collaborators, "set">;
  /** The visibility of each mirror, by its namespace. */
  readonly mirrored: ReadonlyMap<string, "private" | "public">;
  readonly administration: Administration;
  readonly webhooks: Webhooks;
  readonly retention: Retention;
}

/** All routes of the Hub-shaped API and of Berth's own API. The first match wins, so more specific paths come first. */
export function hubRoutes(
  given: HubParts & {
    readonly registry: Registry;
    readonly catalog: Catalog;
    readonly clientInfo: ClientInfo;
    readonly sessionCookie: SessionCookie;
  },
): readonly Route[] {
  const parts = { ...given, pager: createPager(given.clientInfo) };
  return [
    ...loginRoutes(parts),
    ...sessionRoutes(parts),
    ...profileRoutes(parts),
    ...namespaceRoutes(parts),
    ...accessRoutes(parts),
    ...activityRoutes(parts),
    ...userRoutes(parts),
    ...personalTokenRoutes(parts),
    ...organisationTokenRoutes(parts),
    ...memberRoutes(parts),
    ...teamRoutes(parts),
    ...inviteRoutes(parts),
    ...auditRoutes(parts),
    ...immutableTagRoutes(parts),
    ...starRoutes(parts),
    ...teamPermissionRoutes(parts),
    ...hubTagRoutes(parts),
    ...hubRepositoryRoutes(parts),
    ...hubSearchRoutes({ ...parts, search: parts.catalog.search }),
    ...adminUserRoutes(parts),
    ...adminOrganisationRoutes(parts),
    ...adminTokenRoutes(parts),
    ...quotaRoutes(parts),
    ...webhookRoutes(parts),
    ...adminAuditRoutes(parts),
    ...maintenanceRoutes(parts),
    ...readOnlyRoutes(parts),
    ...keyRoutes(parts),
    ...jobRoutes(parts),
    ...mirrorRoutes(parts),
    ...berthTagRoutes(parts),
    ...berthTagDiffRoutes(parts),
    ...berthTagRemovalRoutes(parts),
    ...retentionRoutes(parts),
    ...berthManifestRoutes(parts),
    ...berthReferrerRoutes(parts),
    ...berthPullRoutes(parts),
    ...berthRepositoryRoutes(parts),
  ];
}
