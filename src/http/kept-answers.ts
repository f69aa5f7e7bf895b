/**
 * Answers to lists and searches, kept as bytes while nobody has written anything: what costs is to find a hundred
 * repositories and to write them down, and people ask for the same pages. Who asks is part of the key, since everybody
 * sees something else; whether they may ask at all is judged anew each time.
 */
export interface KeptAnswers {
  /** What was kept under the key, or what `make` makes of it. */
  of(key: string, make: () => Promise<unknown>): Promise<Buffer>;
}

const bytesAtMost = 8 * 1024 * 1024;
/** Some of what a page says depends on the time: whether a tag has been used lately. */
const goodForMs = 60_000;

/** @param versionOf another value as soon as anybody has written to any of the databases */
export function createKeptAnswers(
  versionOf: () => string,
  clock: () => number = Date.now,
): KeptAnswers {
  const answers = new Map<string, Buffer>();
  let bytes = 0;
  let known: string | undefined;
  let sinceMs = 0;

  const forget = (): void => {
    answers.clear();
    bytes = 0;
    sinceMs = clock();
  };
  return {
    async of(key, make) {
      const version = versionOf();
      if (version !== known || clock() - sinceMs > goodForMs) forget();
      known = version;
      const held = answers.get(key);
      if (held !== undefined) return held;
      const made = Buffer.from(JSON.stringify(await make()));
      // Somebody may have written while it was made: then it is true, and old already.
      if (versionOf() !== version || known !== version) return made;
      if (bytes + made.length > bytesAtMost) forget();
      if (!answers.has(key)) bytes += made.length;
      answers.set(key, made);
      return made;
    },
  };
}
