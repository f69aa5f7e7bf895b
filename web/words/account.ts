import { size } from "../format.ts";

/* Sentences of the pages of an account: a user or an organisation. A second language is a second folder. */

export const account = {
  label: "Account",
  kinds: { user: "User", organisation: "Organisation" },
  mirror: "Mirror",
  tabs: {
    repositories: "Repositories",
    members: "Members",
    teams: "Teams",
    invites: "Invites",
    tokens: "Access tokens",
    audit: "Audit log",
    settings: "Settings",
  },
  used: (bytes: number, limit: number | null) =>
    limit === null ? `${size(bytes)} used` : `${size(bytes)} of ${size(limit)} used`,
  newRepository: "New repository",
};

export const repositories = {
  search: "Search in these repositories",
  order: "Order",
  orders: {
    "-last_updated": "Last pushed",
    name: "Name",
    "-pull_count": "Most pulled",
  },
  visibility: "Visibility",
  visibilities: [
    ["", "Public and private"],
    ["false", "Public"],
    ["true", "Private"],
  ] as const,
  columns: {
    name: "Repository",
    size: "Size",
    pulls: "Pulls",
    stars: "Stars",
    pushed: "Last push",
  },
  none: "No repository matches.",
  empty: "No repositories yet.",
  emptyOwn: "No repositories yet. A push creates one:",
};
