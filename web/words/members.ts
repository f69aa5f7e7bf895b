import { many } from "../format.ts";

/* Sentences of the pages of members, teams and invites. A second language is a second folder. */

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
