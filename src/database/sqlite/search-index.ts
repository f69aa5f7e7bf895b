import { sql, type RawBuilder } from "kysely";
import {
  RankedSearchIndex,
  type Access,
  type Match,
  type Matching,
} from "../catalog/ranked-search.ts";
import { isPartOfName, prefixIn, type SearchFilter } from "../catalog/search-index.ts";
import { isNamedBy } from "../query-parts.ts";

/**
 * The full-text index of repositories: the FTS5 table `search_index`. Its row ids are the ranks of the repositories.
 */
export class SqliteSearchIndex extends RankedSearchIndex {
  protected readonly table = sql`search_index`;
  protected readonly rank = sql<number>`rowid`;

  protected conditionOf({ expression, visibility }: Match): RawBuilder<unknown> {
    const matches = sql`search_index MATCH ${expression}`;
    if (visibility.kind !== "paths") return matches;
    // Runs once per matching row, only for tokens with paths.
    return sql`${matches} AND EXISTS (
      SELECT 1 FROM repositories WHERE id = search_index.rowid & 4294967295
        AND (visibility = 'public' OR ${isNamedBy(visibility.paths)}))`;
  }

  /** A query in the syntax of FTS5 (https://sqlite.org/fts5.html, "Full-text Query Syntax"). */
  protected expressionOf(
    filter: SearchFilter,
    access: Access | undefined,
    matching: Matching,
  ): string {
    const { words, facets = {}, isOfficial, namespaces, withoutNamespaces = [] } = filter;
    const parts = [
      ...(words.length === 0 ? [] : [wordsExpression(words, matching)]),
      ...Object.entries(facets).flatMap(([facet, values]) => {
        const tokens = values.map((value) => facetToken(facet, value));
        return tokens.length === 0 ? [] : [`facet : (${tokens.join(" OR ")})`];
      }),
    ];
    if (access !== undefined) parts.push(`access : (${accessTokens(access).join(" OR ")})`);
    if (namespaces !== undefined) parts.push(namespaceExpression(namespaces));
    if (isOfficial !== undefined) parts.push(`access : (${isOfficial ? "o" : "c"})`);
    // FTS5 needs an expression. Every document has one of these two tokens.
    if (parts.length === 0) parts.push("access : (o OR c)");
    const all = parts.map((part) => `(${part})`).join(" AND ");
    return withoutNamespaces.length === 0
      ? all
      : `(${all}) NOT (${namespaceExpression(withoutNamespaces)})`;
  }
}

function wordsExpression(words: readonly string[], matching: Matching): string {
  const begun = `{name description readme} : (${words.map((word) => `"${word}" *`).join(" AND ")})`;
  if (matching === "beginnings") return begun;
  const both = words
    .map((word) => `{name description readme${isPartOfName(word) ? " parts" : ""}} : "${word}" *`)
    .join(" AND ");
  return matching === "both" ? both : `(${both}) NOT (${begun})`;
}

const hex = (text: string): string => Buffer.from(text).toString("hex");

function facetToken(facet: string, value: string): string {
  const prefix = prefixIn(facet, value);
  const name = facet.replace("_", "");
  return prefix === undefined ? `${name}${hex(value)}` : `${name}${hex(prefix)} *`;
}

const namespaceExpression = (namespaces: readonly string[]): string =>
  `access : (${namespaces.map(namespaceToken).join(" OR ")})`;

const namespaceToken = (namespace: string): string => `n${hex(namespace)}`;

const accessTokens = ({ namespaces, userIds, teamIds }: Access): readonly string[] => [
  "v",
  ...userIds.map((id) => `u${id}`),
  ...namespaces.map(namespaceToken),
  ...teamIds.map((id) => `t${id}`),
];
