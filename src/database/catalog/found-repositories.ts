import type { RepositoryName } from "../../oci/name.ts";
import { oneOf } from "../one-of.ts";
import type { Db, Visibility } from "../schema.ts";

export type Facet = "os" | "architecture" | "os_version" | "type";

export interface FoundRepository {
  readonly id: number;
  readonly name: RepositoryName;
  readonly description: string;
  readonly visibility: Visibility;
  readonly stars: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly facets: readonly FacetValue[];
}

/** The fields that results can be sorted by. */
export type SearchMeasures = Pick<
  FoundRepository,
  "id" | "name" | "stars" | "createdAtMs" | "updatedAtMs"
>;

export interface FacetValue {
  readonly facet: Facet;
  readonly value: string;
}

/** In the order of the ids, without deleted repositories. */
export async function describeFound(
  db: Db,
  ids: readonly number[],
): Promise<readonly FoundRepository[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom("repositories")
    .leftJoin("repository_descriptions", "repository_descriptions.repository_id", "repositories.id")
    .select(["id", "name", "visibility", "star_count as stars"])
    .select(["created_at as createdAtMs", "updated_at as updatedAtMs"])
    .select((row) => row.fn.coalesce("short_text", row.val("")).as("description"))
    .where("id", "in", oneOf(ids))
    .execute();
  const facets = await facetsOf(db, ids);
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => {
    const row = byId.get(id);
    return row === undefined ? [] : [{ ...row, facets: facets.get(id) ?? [] }];
  });
}

/** The facet values of repositories' images, by repository id. */
export async function facetsOf(
  db: Db,
  ids: readonly number[],
): Promise<ReadonlyMap<number, readonly FacetValue[]>> {
  const found = new Map<number, FacetValue[]>();
  if (ids.length === 0) return found;
  const rows = await db
    .selectFrom("repository_facets")
    .select(["repository_id", "facet", "value"])
    .where("repository_id", "in", oneOf(ids))
    .execute();
  for (const { repository_id: id, facet, value } of rows) {
    const own = found.get(id);
    if (own === undefined) found.set(id, [{ facet, value }]);
    else own.push({ facet, value });
  }
  return found;
}
