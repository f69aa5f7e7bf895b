/** A supported challenge of a `WWW-Authenticate` header. */
export type Challenge =
  | { readonly scheme: "basic" }
  | { readonly scheme: "bearer"; readonly realm: string; readonly service: string | undefined };

/** In characters. Longer headers are ignored; registries send a few hundred characters. */
const longestHeader = 4_096;

/**
 * Returns the first supported challenge, Bearer before Basic, or `undefined`. RFC 9110, 11.6.1: commas separate both
 * the schemes and their parameters. The run time is linear in the length of the header.
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
  /** Consumes a match at `at`. The expressions are sticky (`y`) and do not backtrack. */
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
      // A quoted string without a closing quote.
      if (value === undefined) return found;
      const text = isQuoted ? value.slice(1, -1).replaceAll(/\\(.)/g, "$1") : value;
      if (!current.parameters.has(name)) current.parameters.set(name, text);
    } else found.push({ scheme: name, parameters: new Map() });
  }
  return found;
}
