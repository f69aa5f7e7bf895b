/** What a `WWW-Authenticate` header asks for. */
export type Challenge =
  | { readonly scheme: "basic" }
  | { readonly scheme: "bearer"; readonly realm: string; readonly service: string | undefined };

/** Longer headers are not read: those of registries have some hundred characters. */
const longestHeader = 4_096;

/**
 * Reads the first challenge that we know how to meet, a token before a password; `undefined` if there is none. Takes time
 * in proportion to the header (RFC 9110, 11.6.1: schemes and their parameters are both separated by commas).
 */
export function parseChallenge(header: string | undefined): Challenge | undefined {
  if (header === undefined || header.length > longestHeader) return undefined;
  const all = readChallenges(header);
  for (const { scheme, parameters } of all) {
    const realm = parameters.get("realm");
    if (scheme === "bearer" && realm !== undefined && URL.canParse(realm))
      return { scheme: "bearer", realm, service: parameters.get("service") };
  }
  return all.some(({ scheme }) => scheme === "basic") ? { scheme: "basic" } : undefined;
}

interface RawChallenge {
  readonly scheme: string;
  readonly parameters: Map<string, string>;
}

function readChallenges(header: string): readonly RawChallenge[] {
  const found: RawChallenge[] = [];
  let at = 0;
  /** What matches here; the expressions are sticky and have one way to match. */
  const take = (expression: RegExp): string | undefined => {
    expression.lastIndex = at;
    const text = expression.exec(header)?.[0];
    if (text !== undefined) at += text.length;
    return text;
  };
  while (at < header.length) {
    take(/[\s,]+/y);
    const name = take(/[\w!#$%&'*+.^`|~-]+/y)?.toLowerCase();
    const current = found.at(-1);
    if (name === undefined) {
      at += 1;
    } else if (current !== undefined && take(/\s*=\s*/y) !== undefined) {
      const isQuoted = header[at] === '"';
      const value = take(isQuoted ? /"(?:[^"\\]|\\.)*"/y : /[^\s,]*/y);
      // A quotation without an end.
      if (value === undefined) return found;
      const text = isQuoted ? value.slice(1, -1).replaceAll(/\\(.)/g, "$1") : value;
      if (!current.parameters.has(name)) current.parameters.set(name, text);
    } else found.push({ scheme: name, parameters: new Map() });
  }
  return found;
}
