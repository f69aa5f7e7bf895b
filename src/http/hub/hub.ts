import type { Accounts } from "../../accounts/accounts.ts";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { Registry } from "../../registry/registry.ts";
import type { Database } from "../../database/contract.ts";
import type { PullCounts } from "../../catalog/pull-counters.ts";
import { TeamCatalog } from "../../accounts/team-catalog.ts";
import { createInvites, type Invites } from "../../accounts/invites.ts";
import { createAccountCatalog, type AccountCatalog } from "../../accounts/account-catalog.ts";
import { RepositoryCatalog } from "../../catalog/repositories.ts";
import { createStars, type Stars } from "../../catalog/stars.ts";
import { TagCatalog } from "../../catalog/tags.ts";
import type { AccessTokens } from "../../accounts/access-tokens.ts";

/** The domain services of the Hub-shaped API, in addition to the registry. */
export interface HubCatalog {
  readonly repositories: RepositoryCatalog;
  readonly stars: Stars;
  readonly tags: TagCatalog;
  readonly accounts: AccountCatalog;
  readonly teams: TeamCatalog;
  readonly invites: Invites;
  readonly tokens: AccessTokens;
}

export function createHubCatalog(parts: {
  readonly database: Database;
  readonly registry: Pick<Registry, "blobs">;
  readonly accounts: Accounts;
  readonly policy: HubPolicy;
  readonly counts: PullCounts;
  readonly clock: () => number;
}): HubCatalog {
  const invites = createInvites(parts);
  return {
    repositories: new RepositoryCatalog(parts),
    stars: createStars(parts),
    tags: new TagCatalog(parts),
    accounts: createAccountCatalog(parts),
    teams: new TeamCatalog({ ...parts, invites }),
    invites,
    tokens: parts.accounts.accessTokens,
  };
}
