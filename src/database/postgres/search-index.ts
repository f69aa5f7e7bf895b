import type { SearchIndex, SearchMatches } from "../catalog/search-index.ts";
import type { Db } from "../schema.ts";

/** The full-text index of repositories. */
export class PostgresSearchIndex implements SearchIndex {
  readonly #db: Db;
  readonly #version: () => Promise<unknown>;

  constructor(db: Db, version: () => Promise<unknown>) {
    this.#db = db;
    this.#version = version;
  }

  async find(): Promise<SearchMatches> {
    await this.#version();
    const rows = await this.#db.selectFrom("repositories").select("id").execute();
    return { ids: [], total: rows.length };
  }
}
