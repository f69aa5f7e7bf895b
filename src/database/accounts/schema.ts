import type { Generated } from "kysely";

/** The tables of accounts and their permissions; `migrations/` describes the columns. */
export interface AccountTables {
  accounts: AccountsTable;
  members: MembersTable;
  teams: TeamsTable;
  team_members: TeamMembersTable;
  team_permissions: TeamPermissionsTable;
  collaborators: CollaboratorsTable;
  access_tokens: AccessTokensTable;
  invites: InvitesTable;
  browser_sessions: BrowserSessionsTable;
}

export type RepositoryRole = "read" | "write" | "admin";
export type MemberRole = "owner" | "editor" | "member";

interface AccountsTable {
  id: Generated<number>;
  name: string;
  kind: "user" | "organisation";
  full_name: Generated<string>;
  email: string | null;
  is_admin: Generated<0 | 1>;
  disabled: Generated<0 | 1>;
  password_hash: string | null;
  password_changed_at: number | null;
  created_at: number;
}

interface MembersTable {
  organisation_id: number;
  user_id: number;
  role: MemberRole;
  created_at: number;
}

interface TeamsTable {
  id: Generated<number>;
  organisation_id: number;
  name: string;
  description: Generated<string>;
  created_at: number;
}

interface TeamMembersTable {
  team_id: number;
  user_id: number;
  created_at: number;
}

interface TeamPermissionsTable {
  team_id: number;
  repository_id: number;
  permission: RepositoryRole;
}

interface CollaboratorsTable {
  repository_id: number;
  user_id: number;
  permission: RepositoryRole;
}

interface AccessTokensTable {
  id: string;
  account_id: number;
  label: string;
  description: Generated<string>;
  secret_hash: string;
  scopes: string;
  resources: string | null;
  created_by: number | null;
  creator_peer: Generated<string>;
  creator_agent: Generated<string>;
  is_active: Generated<0 | 1>;
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
}

interface InvitesTable {
  id: string;
  organisation_id: number;
  user_id: number;
  team_id: number | null;
  role: MemberRole;
  inviter: string;
  created_at: number;
}

interface BrowserSessionsTable {
  id: string;
  account_id: number;
  secret_hash: string;
  password_at: number;
  started_at: number;
  seen_at: number;
  peer: Generated<string>;
  agent: Generated<string>;
}
