import type { Generated, GeneratedAlways } from "kysely";
import type { MemberRole } from "../schema.ts";

/* Tables of the catalog: search, descriptions, stars and invites. */

export interface RepositoryDescriptionsTable {
  repository_id: number;
  short_text: Generated<string>;
  full_text: Generated<string>;
}

export interface SearchDocumentsTable {
  repository_id: number;
  is_official: 0 | 1;
  stars: Generated<number>;
  pull_rank: Generated<number>;
  rank: GeneratedAlways<number>;
}

export interface RepositoryFacetsTable {
  repository_id: number;
  facet: "os" | "architecture" | "os_version" | "type";
  value: string;
  uses: number;
}

export interface StarsTable {
  user_id: number;
  repository_id: number;
  created_at: number;
}

export interface InvitesTable {
  id: string;
  organisation_id: number;
  user_id: number;
  team_id: number | null;
  role: MemberRole;
  inviter: string;
  created_at: number;
}

export interface NamespaceCountsTable {
  namespace: string;
  public: number;
  private: number;
}

export interface ImageSizesTable {
  manifest_id: number;
  size_bytes: number;
}

export interface SearchStarChangesTable {
  repository_id: number;
}
