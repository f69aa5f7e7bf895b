import type { Accounts } from "../../accounts/accounts.ts";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { Registry } from "../../registry/registry.ts";
import type { Database } from "../../database/database.ts";
import type { Counts } from "../../catalog/pull-counters.ts";
import { createGroups, type Groups } from "../../accounts/team-management.ts";
import { createInvites, type Invites } from "../../accounts/invites.ts";
import { createPeople, type People } from "../../accounts/memberships.ts";
import { createHubRepositories, type HubRepositories } from "../../catalog/repositories.ts";
import { createHubTags, type HubTags } from "../../catalog/tags.ts";
import { createTokens, type Tokens } from "../../accounts/access-token-management.ts";

/** What the Hub-shaped API shows and does, beyond what a registry does. */
export interface Hub {
  readonly repositories: HubRepositories;
  readonly tags: HubTags;
  readonly people: People;
  readonly groups: Groups;
  readonly invites: Invites;
  readonly tokens: Tokens;
}

export function createHub(parts: {
  readonly database: Database;
  readonly registry: Pick<Registry, "blobs">;
  readonly accounts: Accounts;
  readonly policy: HubPolicy;
  readonly counts: Counts;
  readonly clock: () => number;
}): Hub {
  const invites = createInvites(parts);
  return {
    repositories: createHubRepositories(parts),
    tags: createHubTags(parts),
    people: createPeople(parts),
    groups: createGroups({ ...parts, invites }),
    invites,
    tokens: createTokens(parts),
  };
}
