import type { Accounts } from "../../auth/accounts.ts";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { Sessions } from "../../auth/sessions.ts";
import type { Browsing } from "../../hub/browsing.ts";
import type { Hub } from "../../hub/hub.ts";
import type { Registry } from "../../registry/registry.ts";
import type { Origins } from "../origins.ts";
import { berthRepositoryRoutes } from "../berth/repositories.ts";
import { berthTagRoutes } from "../berth/tags.ts";
import { auditRoutes } from "./audit.ts";
import type { HubRoute } from "./call.ts";
import { groupRoutes } from "./groups.ts";
import { inviteRoutes } from "./invites.ts";
import { loginRoutes } from "./login.ts";
import { memberRoutes } from "./members.ts";
import { organisationTokenRoutes } from "./organisation-tokens.ts";
import { createPager } from "./pages.ts";
import { personalTokenRoutes } from "./personal-tokens.ts";
import { hubRepositoryRoutes } from "./repositories.ts";
import { repositorySettingRoutes } from "./repository-settings.ts";
import { hubTagRoutes } from "./tags.ts";
import { hubSearchRoutes } from "./search.ts";
import { userRoutes } from "./users.ts";

export interface HubParts {
  readonly hub: Hub;
  readonly accounts: Accounts;
  readonly policy: HubPolicy;
  /** Without it nobody can log in. */
  readonly sessions: Sessions | undefined;
  /** `repositories.defaultVisibility`. */
  readonly defaultVisibility: "private" | "public";
}

/** Everything of Docker Hub's API that Berth serves, and what it shows beyond that; the more particular path first. */
export function hubRoutes(
  given: HubParts & {
    readonly registry: Registry;
    readonly browsing: Browsing;
    readonly origins: Origins;
  },
): readonly HubRoute[] {
  const parts = { ...given, pager: createPager(given.origins) };
  return [
    ...loginRoutes(parts),
    ...userRoutes(parts),
    ...personalTokenRoutes(parts),
    ...organisationTokenRoutes(parts),
    ...memberRoutes(parts),
    ...groupRoutes(parts),
    ...inviteRoutes(parts),
    ...auditRoutes(parts),
    ...repositorySettingRoutes(parts),
    ...hubTagRoutes(parts),
    ...hubRepositoryRoutes(parts),
    ...hubSearchRoutes({ ...parts, search: parts.browsing.search }),
    ...berthTagRoutes(parts),
    ...berthRepositoryRoutes(parts),
  ];
}
