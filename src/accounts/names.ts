import { OciError } from "../oci/errors.ts";
import { parseNamespace, parseRepositoryName, type RepositoryName } from "../oci/name.ts";
import { AccountError } from "./errors.ts";

/** Checks the name of a new account. Throws AccountError. */
export function parseAccountName(text: string): string {
  return inAccountTerms(() => parseNamespace(text));
}

/** Checks the repository name of a permission. Throws AccountError. */
export function parseRepository(text: string): RepositoryName {
  return inAccountTerms(() => parseRepositoryName(text));
}

/** Grammar of a team name. */
export const teamGrammar = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;
export const teamGrammarInWords = "up to 100 letters, digits and . _ -, a letter or digit first";

/** Checks the name of a new team. Throws AccountError. */
export function parseTeamName(text: string): string {
  if (teamGrammar.test(text)) return text;
  throw new AccountError("invalid", `invalid team name: ${teamGrammarInWords}`);
}

function inAccountTerms<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof OciError) throw new AccountError("invalid", error.message);
    throw error;
  }
}
