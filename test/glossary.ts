import { readFile, readdir, writeFile } from "node:fs/promises";
import path from "node:path";

/*
 * Counts the words that the glossary replaces: metaphors, people as nouns, and names from earlier versions. The file
 * `glossary.allowed.txt` lists the remaining places, one line for each file and word. The total of a word never grows.
 * `npm run glossary` updates the list after places were removed or moved.
 */

/** The forbidden words, each with its forms. */
const forbidden: ReadonlyMap<string, string> = new Map(
  Object.entries({
    house: "house houses",
    room: "room rooms",
    floor: "floor floors",
    herd: "herd herds",
    crew: "crew crews",
    company: "company",
    flight: "flight flights",
    seat: "seat seats",
    deed: "deed deeds",
    tail: "tail tails",
    pace: "pace paced",
    somebody: "somebody",
    nobody: "nobody",
    whoever: "whoever",
    upkeep: "upkeep",
    tally: "tally tallied",
    verdict: "verdict verdicts",
    judge: "judge judges judged judgement",
    stranger: "stranger strangers",
    lend: "lend lends lent lender lending borrower",
    keeper: "keeper keepers",
    leftover: "leftover leftovers",
    rehearse: "rehearse rehearsal rehearsed",
    refusal: "refusal refusals",
    retired: "retire retired",
    ability: "abilities",
    patience: "patience",
  }).flatMap(([word, forms]) => forms.split(" ").map((form) => [form, word])),
);

/** Field terms are allowed. The words in `onlyInText` are forbidden only in prose, because `Promise` is a class. */
const fieldTerms = /thundering herd|single-?flight/gi;
const onlyInText = new Map([
  ["promise", /\bpromise[sd]?\b/gi],
  ["way", /\b(?:short|long) way\b/gi],
]);

export const listFile = path.join(import.meta.dirname, "glossary.allowed.txt");
const root = path.join(import.meta.dirname, "..");

/** The number of occurrences by `file word`. */
export type Counts = ReadonlyMap<string, number>;

export async function countForbidden(): Promise<Counts> {
  const counts = new Map<string, number>();
  const add = (file: string, word: string): void => {
    const key = `${file} ${word}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  };
  for (const file of await filesToRead()) {
    const text = (await readFile(path.join(root, file), "utf8")).replaceAll(fieldTerms, "");
    const words = text
      .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
      .toLowerCase()
      .match(/[a-z]+/g);
    for (const found of words ?? []) {
      const word = forbidden.get(found);
      if (word !== undefined) add(file, word);
    }
    const prose = file.endsWith(".md")
      ? text
      : // A path pattern such as `/v2/*name` starts no comment.
        (text.match(/(?<![\w/])\/\*[^]*?\*\/|\/\/.*/g) ?? []).join("\n");
    for (const [word, pattern] of onlyInText)
      for (const _ of prose.matchAll(pattern)) add(file, word);
  }
  return counts;
}

async function filesToRead(): Promise<readonly string[]> {
  const files = ["README.md"];
  for (const [folder, extension] of [
    ["src", ".ts"],
    ["web", ".ts"],
    ["web", ".tsx"],
    ["storage", ".ts"],
    ["docs", ".md"],
  ] as const) {
    const found = await readdir(path.join(root, folder), { recursive: true });
    files.push(
      ...found.filter((name) => name.endsWith(extension)).map((name) => `${folder}/${name}`),
    );
  }
  return files.toSorted();
}

export async function readAllowed(): Promise<Counts> {
  const lines = (await readFile(listFile, "utf8")).split("\n").filter((line) => line !== "");
  return new Map(
    lines.map((line) => {
      const [file = "", word = "", count = ""] = line.split(" ");
      return [`${file} ${word}`, Number(count)];
    }),
  );
}

/** The total number of occurrences of each word. */
export function totals(counts: Counts): Counts {
  const sums = new Map<string, number>();
  for (const [key, count] of counts) {
    const [, word = ""] = key.split(" ");
    sums.set(word, (sums.get(word) ?? 0) + count);
  }
  return sums;
}

/** The words whose total has grown. `npm run glossary` then refuses to write the list. */
export function grown(before: Counts, after: Counts): readonly string[] {
  const known = totals(before);
  return [...totals(after)].flatMap(([word, count]) =>
    count > (known.get(word) ?? 0) ? [`${word}: ${known.get(word) ?? 0} → ${count}`] : [],
  );
}

if (process.argv[1] === import.meta.filename) {
  const counts = await countForbidden();
  const more = grown(await readAllowed(), counts);
  if (more.length > 0)
    throw new Error(`these words are there more often than before: ${more.join(", ")}`);
  await writeFile(listFile, [...counts].map(([key, count]) => `${key} ${count}\n`).join(""));
}
