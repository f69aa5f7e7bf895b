import { count, many, size } from "../format.ts";

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
  visibilities: { "": "Public and private", false: "Public", true: "Private" },
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

export const members = {
  title: "Members",
  search: "Search members",
  role: "Role",
  anyRole: "All roles",
  roles: { owner: "Owner", editor: "Editor", member: "Member" },
  rolesHint:
    "Owners may do everything. Editors create repositories, and may do everything with those. Members have the permissions of their teams.",
  roleOf: (name: string) => `Role of ${name}`,
  export: "Download as CSV",
  invite: "Invite people",
  columns: { user: "User", role: "Role", teams: "Teams", joined: "Account since" },
  none: "No member matches.",
  lastOwner: "The last owner. Make another member an owner first.",
  remove: "Remove",
  removeTitle: (user: string, organisation: string) => `Remove ${user} from ${organisation}?`,
  removeHint: (user: string, teams: readonly string[]) =>
    teams.length === 0
      ? `${user} is in no team, and loses the role.`
      : `${user} loses the role, and leaves ${teams.join(", ")} with their permissions.`,
  removeKeeps: "A permission of the user's own on a single repository stays.",
  demoteTitle: "Give up your own role of an owner?",
  demote: "Change my role",
  demoteHint: "After that you can no longer change members, teams and settings.",
};

export const teams = {
  title: "Teams",
  search: "Search teams",
  new: "New team",
  name: "Name",
  nameHint: "Up to 100 letters, digits and . _ -",
  description: "Description",
  create: "Create team",
  columns: { team: "Team", description: "Description", members: "Members" },
  none: "No team matches.",
  ownersHint: "This team is the role owner: change it on the page of the members.",
  back: "All teams",
  members: "Members of the team",
  memberCount: (n: number) => many(n, "member", "members"),
  noMembers: "No members yet.",
  add: "Add",
  addMember: "Add a member of the organisation",
  user: "User name",
  remove: "Remove",
  removeTitle: (user: string, team: string) => `Remove ${user} from the team ${team}?`,
  removeHint: "The user stays a member of the organisation, and loses the permissions of the team.",
  repositories: "Repositories of the team",
  repository: "Repository",
  noRepositories: "The team has no permission on a repository yet.",
  moreRepositories: "More repositories",
  permission: "Permission",
  permissionOn: (name: string) => `Permission on ${name}`,
  levels: { read: "Read: pull", write: "Write: pull, push", admin: "Admin: pull, push, delete" },
  give: "Give permission",
  takeTitle: (name: string) => `Remove the permission on ${name}?`,
  takeHint: "Members of the team keep what they have for another reason.",
  delete: "Delete team",
  deleteTitle: (name: string) => `Delete the team ${name}?`,
  deleteHint: (n: number) =>
    `${many(n, "member loses", "members lose")} the permissions of the team. They stay members of the organisation.`,
};

export const invites = {
  title: "Open invites",
  new: "Invite people",
  names: "User names",
  namesHint: "Of users of this registry, with a space or a comma between two names. At most 100.",
  role: "Role",
  team: "Team",
  noTeam: "No team",
  send: "Send invites",
  sentHint:
    "An invite waits on the user's start page and settings until it is accepted. Berth sends no mail.",
  status: {
    invited: "is invited.",
    existing_org_member: "is a member already.",
    invalid_email_or_docker_id: "is not a user of this registry.",
  },
  none: "No open invites.",
  detail: (role: string, team: string) => (team === "" ? role : `${role}, team ${team}`),
  by: (name: string) => `by ${name}`,
  cancel: "Withdraw",
  cancelTitle: (user: string) => `Withdraw the invite of ${user}?`,
  cancelHint: "The user can no longer accept it.",
};

export const organisationTokens = {
  intro: (name: string) =>
    `For machines. A client logs in with the user name ${name} and the token; the token belongs to no member.`,
  description: "Description",
  repositories: "Repositories",
  all: (name: string) => `All repositories of ${name}`,
  these: "These repositories",
  names: "Names",
  namesHint: (name: string) =>
    `With a space or a comma between two names, such as ${name}/app. A * stands for any characters.`,
  permission: "What the token may do",
  permissions: { pull: "Pull", push: "Pull and push", delete: "Pull, push and delete" },
  mayCreate: "A push may create a repository",
  none: "No access tokens yet.",
};

export const organisationSettings = {
  title: "Organisation",
  fullName: "Full name",
  fullNameHint: "Shown beside the name of the organisation.",
  storage: "Storage",
  used: "Used",
  quota: "Quota",
  noQuota: "No quota",
  quotaHint: "An administrator sets the quota.",
  bytes: "Bytes of the blobs, each counted once",
  shared: "In several repositories",
  unique: "In one repository only",
  quotaLabel: (used: number, limit: number) => `${size(used)} of ${size(limit)}`,
  byRepository: "Storage by repository",
  byRepositoryHint: "A blob that several repositories have counts for each of them.",
  firstOnly: (n: number) => `The largest of the first ${count(n)} repositories by name.`,
};
