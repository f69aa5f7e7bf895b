import type { Generated, GeneratedAlways } from "kysely";

/** The tables of the catalog: search, descriptions, stars and counts; `migrations/` describes the columns. */
export interface CatalogTables {
  repository_descriptions: RepositoryDescriptionsTable;
  search_documents: SearchDocumentsTable;
  repository_facets: RepositoryFacetsTable;
  stars: StarsTable;
  namespace_counts: NamespaceCountsTable;
  image_sizes: ImageSizesTable;
  search_star_changes: SearchStarChangesTable;
}

interface RepositoryDescriptionsTable {
  repository_id: number;
  short_text: Generated<string>;
  full_text: Generated<string>;
}

interface SearchDocumentsTable {
  repository_id: number;
  is_official: 0 | 1;
  stars: Generated<number>;
  pull_rank: Generated<number>;
  rank: GeneratedAlways<number>;
}

interface RepositoryFacetsTable {
  repository_id: number;
  facet: "os" | "architecture" | "os_version" | "type";
  value: string;
  uses: number;
}

interface StarsTable {
  user_id: number;
  repository_id: number;
  created_at: number;
}

interface NamespaceCountsTable {
  namespace: string;
  public: number;
  private: number;
}

interface ImageSizesTable {
  manifest_id: number;
  size_bytes: number;
}

interface SearchStarChangesTable {
  repository_id: number;
}
