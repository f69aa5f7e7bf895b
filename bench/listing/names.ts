const things = [
  ...["proxy", "queue", "cache", "ledger", "mailer", "parser", "router", "worker", "gateway"],
  ...["billing", "search", "metrics", "tracing", "backup", "scheduler", "importer", "resizer"],
  ...["archive", "dashboard", "crawler", "notifier", "registry", "vault", "wiki", "forum"],
];
const kinds = ["api", "web", "cli", "job", "base", "tools", "init", "agent"];
const organisations = 1000;

/** In every description, in one of twenty-five names, and in one name. */
export const commonWord = "container";
export const usualWord = "billing";
export const rareWord = "n4242";

export function* namespaces(): Generator<string> {
  yield "library";
  for (let number = 0; number < organisations; number += 1) yield organisation(number);
}

const organisation = (number: number): string => `org${String(number).padStart(4, "0")}`;

/** One in a hundred is official, one in ten private. */
export function describeRepository(number: number) {
  const thing = things[number % things.length] ?? "thing";
  const kind = kinds[Math.floor(number / things.length) % kinds.length] ?? "kind";
  const isOfficial = number % 100 === 99;
  const namespace = isOfficial ? "library" : organisation((number * 7919) % organisations);
  return {
    name: `${namespace}/${thing}-${kind}-n${number}`,
    namespace,
    visibility: number % 10 === 3 ? "private" : "public",
    short: `A ${commonWord} for ${thing} ${kind}`,
    full: `# ${thing} ${kind}\n\nThe ${commonWord} number ${number} runs ${thing} as ${kind}.\n`,
  };
}
