import { OciError } from "./errors.ts";
import type { Tag } from "./reference.ts";

/**
 * Regular expressions in RE2 syntax; each matches a whole tag. An empty list matches each tag. RE2 takes time linear in
 * the length of the tag for any expression, so the expressions may come from any user.
 */
export type TagPatterns = readonly string[];

const patternsAtMost = 100;
const longestPattern = 256;
/** Maximum instructions of all patterns together: each may read each character of a tag, while other pushes wait. */
const largestProgram = 2_000;

/** Loaded on first use: loading takes longer than the rest of a manifest push. */
const compiler = async () => (await import("re2js")).RE2JS;

/** Checks the patterns of a user. Throws TAG_INVALID with the invalid pattern and the reason. */
export async function parseTagPatterns(texts: readonly string[]): Promise<TagPatterns> {
  if (texts.length > patternsAtMost)
    throw new OciError(
      "TAG_INVALID",
      `a repository may have at most ${patternsAtMost} tag patterns`,
    );
  const re2 = await compiler();
  let instructions = 0;
  for (const text of texts) {
    if (text === "" || text.length > longestPattern)
      throw invalid(text, `it must have 1 to ${longestPattern} characters`);
    try {
      instructions += re2.compile(text).programSize();
    } catch (error) {
      throw invalid(text, error instanceof Error ? error.message : String(error));
    }
    if (instructions > largestProgram) throw invalid(text, "it repeats too much: simplify it");
  }
  return texts;
}

/** Compiles the patterns. The result tells whether a tag matches one of them. */
export async function matcherOf(patterns: TagPatterns): Promise<(tag: Tag) => boolean> {
  if (patterns.length === 0) return () => true;
  const re2 = await compiler();
  const compiled = patterns.map((pattern) => re2.compile(pattern));
  return (tag) => compiled.some((pattern) => pattern.matches(tag));
}

function invalid(text: string, reason: string): OciError {
  const pattern = text.slice(0, longestPattern);
  return new OciError("TAG_INVALID", `the tag pattern "${pattern}" is invalid: ${reason}`, {
    detail: { pattern },
  });
}
