import { OciError } from "./errors.ts";

declare const brand: unique symbol;

/** A canonical repository name: always `namespace/rest`. The single component `alpine` becomes `library/alpine`. */
export type RepositoryName = string & { readonly [brand]: "RepositoryName" };

/** First path components that the Hub API uses below `/v2/`. They cannot be namespaces. */
export const reservedNamespaces: ReadonlySet<string> = new Set([
  "repositories",
  "namespaces",
  "users",
  "user",
  "orgs",
  "auth",
  "access-tokens",
  "api_tokens",
  "search",
  "auditlogs",
  "invites",
  "scim",
  "categories",
]);

/** The namespace of names with one component. It belongs to the administrators. */
export const defaultNamespace = "library";
const MAX_LENGTH = 255;
const MAX_NAMESPACE_LENGTH = 100;

/** The grammar of a repository name; without a slash that of a namespace. */
// Separators and alphanumerics are disjoint, so there is one possible match: linear time.
export const nameGrammar =
  /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*$/;

/**
 * Parses a repository name (distribution-spec, "Pulling manifests") to its canonical form. The limit of 255 characters
 * applies to the name without an implied `library/`, so that each canonical name can be parsed again. Throws
 * NAME_INVALID, also for a reserved namespace.
 */
export function parseRepositoryName(text: string): RepositoryName {
  const bare = withoutDefaultNamespace(text);
  if (bare.length > MAX_LENGTH) throw invalid(text, `longer than ${MAX_LENGTH} characters`);
  if (!nameGrammar.test(bare)) {
    throw invalid(text, "components are lower-case letters and digits, separated by . _ __ or -");
  }
  if (!bare.includes("/")) return `${defaultNamespace}/${bare}` as RepositoryName;
  const name = bare as RepositoryName;
  if (reservedNamespaces.has(namespaceOf(name))) {
    throw invalid(text, `the namespace ${namespaceOf(name)} is reserved`);
  }
  return name;
}

/**
 * Parses an account name: one component, not reserved, short enough for a repository name after it. Throws
 * NAME_INVALID.
 */
export function parseNamespace(text: string): string {
  if (text.length > MAX_NAMESPACE_LENGTH)
    throw invalid(text, `longer than ${MAX_NAMESPACE_LENGTH} characters`, "account");
  if (text.includes("/") || !nameGrammar.test(text)) {
    throw invalid(text, "lower-case letters and digits, separated by . _ __ or -", "account");
  }
  if (reservedNamespaces.has(text)) throw invalid(text, "the word is reserved", "account");
  return text;
}

/** The first component: a user, an organisation, `library`, or the host of a mirrored registry. */
export function namespaceOf(name: RepositoryName): string {
  return name.slice(0, name.indexOf("/"));
}

/** `library/alpine` becomes `alpine`; names with more components or another namespace stay unchanged. */
function withoutDefaultNamespace(text: string): string {
  const prefix = `${defaultNamespace}/`;
  const isShort = text.startsWith(prefix) && text.indexOf("/", prefix.length) === -1;
  return isShort ? text.slice(prefix.length) : text;
}

function invalid(text: string, reason: string, what = "repository"): OciError {
  return new OciError("NAME_INVALID", `invalid ${what} name: ${reason}`, {
    detail: { name: text.slice(0, MAX_LENGTH) },
  });
}
