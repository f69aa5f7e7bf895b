const things = [
  ...["proxy", "queue", "cache", "ledger", "mailer", "parser", "router", "worker", "gateway"],
  ...["billing", "search", "metrics", "tracing", "backup", "scheduler", "importer", "resizer"],
  ...["archive", "dashboard", "crawler", "notifier", "registry", "vault", "wiki", "forum"],
];
const kinds = ["api", "web", "cli", "job", "base", "tools", "init", "agent"];
const organisations = 1000;

export const largestNamespace = "acme";

/** Search words: in every description, in 1 of 25 names, and in one name. */
export const commonWord = "container";
export const usualWord = "billing";
export const rareWord = "n4242";

export function* namespaces(): Generator<string> {
  yield "library";
  yield largestNamespace;
  for (let number = 0; number < organisations; number += 1) yield organisation(number);
}

const organisation = (number: number): string => `org${String(number).padStart(4, "0")}`;

/**
 * 3 of 5 repositories are in the largest namespace, so that it has a page 500 with 100 entries per page. 1 of 100 is
 * official, and 1 of 10 is private.
 */
export function describeRepository(number: number) {
  const thing = things[number % things.length] ?? "thing";
  const kind = kinds[Math.floor(number / things.length) % kinds.length] ?? "kind";
  const namespace = namespaceOf(number);
  return {
    name: `${namespace}/${thing}-${kind}-n${number}`,
    namespace,
    /** A few repositories have many pulls, half have none. */
    pulls: Math.floor(50_000 / (1 + ((number * 7919) % 100_003))),
    visibility: number % 20 === 7 || number % 20 === 13 ? "private" : "public",
    short: `A ${commonWord} for ${thing} ${kind}`,
    full: `# ${thing} ${kind}\n\nThe ${commonWord} number ${number} runs ${thing} as ${kind}.\n`,
  };
}

function namespaceOf(number: number): string {
  if (number % 100 === 99) return "library";
  if (number % 5 < 3) return largestNamespace;
  return organisation((Math.floor(number / 5) * 7919) % organisations);
}
