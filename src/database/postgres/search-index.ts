import { sql, type RawBuilder } from "kysely";
import {
  RankedSearchIndex,
  type Access,
  type Match,
  type Matching,
  type PageOfMatches,
} from "../catalog/ranked-search.ts";
import { isPartOfName, prefixIn, type SearchFilter } from "../catalog/search-index.ts";
import type { VisibilityFilter } from "../catalog/visibility-filter.ts";
import { isNamedBy } from "../query-parts.ts";

/** The full-text index of repositories: `search_documents.words`, whose lexemes `0005-search.sql` describes. */
export class PostgresSearchIndex extends RankedSearchIndex {
  protected readonly table = sql`search_documents`;
  protected readonly rank = sql<number>`rank`;

  protected conditionOf({ expression, visibility }: Match): RawBuilder<unknown> {
    return sql`words @@ ${expression}::tsquery ${pathsOf(visibility)}`;
  }

  protected override async page(page: PageOfMatches): Promise<readonly number[]> {
    const { match, others, areMore, limit, offset } = page;
    // PostgreSQL cannot choose between two indexes, because it has no statistics of prefixes. If there are so many
    // matches that they were not counted to the end, the index of the ranks soon finds a page of them. The condition
    // cannot move below an OFFSET, so it uses no other index, and no estimate of the matches changes the plan.
    if (areMore) {
      const { rows } = await sql<{ readonly rank: number }>`
        SELECT rank FROM (
          SELECT rank, repository_id, words FROM search_documents ORDER BY rank OFFSET 0) AS search_documents
        WHERE ${this.conditionOf(match)} ${others} ORDER BY rank LIMIT ${limit} OFFSET ${offset}`.execute(
        this.db,
      );
      return rows.map(({ rank }) => rank);
    }
    // Otherwise the index of the words finds all of them, and they are sorted: at most 20 ms for 10,000.
    const { rows } = await sql<{ readonly rank: number }>`
      WITH found AS MATERIALIZED (
        SELECT rank FROM search_documents WHERE ${this.conditionOf(match)} ${others})
      SELECT rank FROM found ORDER BY rank LIMIT ${limit} OFFSET ${offset}`.execute(this.db);
    return rows.map(({ rank }) => rank);
  }

  /** A tsquery (https://www.postgresql.org/docs/15/datatype-textsearch.html). */
  protected expressionOf(
    filter: SearchFilter,
    access: Access | undefined,
    matching: Matching,
  ): string {
    const { words, facets = {}, isOfficial, namespaces, withoutNamespaces = [] } = filter;
    const parts = wordParts(words, matching);
    for (const [facet, values] of Object.entries(facets))
      if (values.length > 0) parts.push(anyOf(values.map((value) => facetLexeme(facet, value))));
    if (access !== undefined) parts.push(anyOf(accessLexemes(access)));
    if (namespaces !== undefined) parts.push(anyOf(namespaces.map(namespaceLexeme)));
    if (isOfficial !== undefined) parts.push(lexeme(isOfficial ? "@o" : "@c"));
    // Every document has one of these two lexemes.
    if (parts.length === 0) parts.push(anyOf([lexeme("@o"), lexeme("@c")]));
    if (withoutNamespaces.length > 0)
      parts.push(`!${anyOf(withoutNamespaces.map(namespaceLexeme))}`);
    return parts.join(" & ");
  }
}

function wordParts(words: readonly string[], matching: Matching): string[] {
  const begun = words.map((word) => `${lexeme(foldWord(word))}:*`);
  if (matching === "beginnings") return begun;
  const both = words.map((word, at) =>
    isPartOfName(word) ? `(${begun[at]} | ${lexeme(`@p:${word}`)}:*)` : `${begun[at]}`,
  );
  return matching === "both" ? both : [...both, `!(${begun.join(" & ")})`];
}

/** Restricts the matches to the token's paths in its namespace. It runs once per matching row, only for such tokens. */
function pathsOf(visibility: VisibilityFilter): RawBuilder<unknown> {
  if (visibility.kind !== "paths") return sql``;
  return sql`AND EXISTS (
    SELECT 1 FROM repositories WHERE id = search_documents.repository_id
      AND (visibility = 'public' OR ${isNamedBy(visibility.paths)}))`;
}

/** Other forms of letters, with their usual form. */
const likeOthers: Readonly<Record<string, string>> = { ς: "σ", µ: "μ", ſ: "s" };

/** A word in the form that `search_words` of `0005-search.sql` gives to the words of a text. */
const foldWord = (word: string): string =>
  word
    .toLowerCase()
    .normalize("NFD")
    .replaceAll(/(?<=[a-z])[\u0300-\u036f]+/g, "")
    .normalize("NFC")
    .replaceAll(/[ςµſ]/g, (letter) => likeOthers[letter] ?? letter);

const lexeme = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;

const anyOf = (lexemes: readonly string[]): string => `(${lexemes.join(" | ")})`;

const namespaceLexeme = (namespace: string): string => lexeme(`@n:${namespace}`);

/** A facet has at most 128 characters. */
const longestFacet = 128;

function facetLexeme(facet: string, value: string): string {
  const prefix = prefixIn(facet, value);
  // PostgreSQL rejects a lexeme of more than 2,046 bytes. A value that is too long matches nothing, and so does its cut.
  const cut = Array.from(prefix ?? value)
    .slice(0, longestFacet + 1)
    .join("");
  return `${lexeme(`@f:${facet}:${cut}`)}${prefix === undefined ? "" : ":*"}`;
}

const accessLexemes = ({ namespaces, userIds, teamIds }: Access): readonly string[] => [
  lexeme("@v"),
  ...userIds.map((id) => lexeme(`@u:${id}`)),
  ...namespaces.map(namespaceLexeme),
  ...teamIds.map((id) => lexeme(`@t:${id}`)),
];
