import { OciError } from "./errors.ts";
import type { Tag } from "./reference.ts";

/**
 * Regular expressions in RE2's syntax, each for a whole tag; an empty list stands for every tag. RE2 takes time linear
 * in the tag, whatever the expression, so that they may come from anybody.
 */
export type TagPatterns = readonly string[];

const patternsAtMost = 100;
const longestPattern = 256;
/** Instructions of all of them together: each may look at each character of a tag, while other pushes wait. */
const largestProgram = 2_000;

/** Only when it is needed: loading it takes longer than everything else that a push of a manifest does. */
const compiler = async () => (await import("re2js")).RE2JS;

/** Checks patterns that somebody has written. Throws TAG_INVALID, saying which is wrong and why. */
export async function parseTagPatterns(texts: readonly string[]): Promise<TagPatterns> {
  if (texts.length > patternsAtMost)
    throw new OciError("TAG_INVALID", `at most ${patternsAtMost} patterns of tags`);
  const re2 = await compiler();
  let instructions = 0;
  for (const text of texts) {
    if (text === "" || text.length > longestPattern)
      throw invalid(text, `must have 1 to ${longestPattern} characters`);
    try {
      instructions += re2.compile(text).programSize();
    } catch (error) {
      throw invalid(text, error instanceof Error ? error.message : String(error));
    }
    if (instructions > largestProgram) throw invalid(text, "repeats too much");
  }
  return texts;
}

/** Tells whether a tag is one of those that the patterns stand for. */
export async function matcherOf(patterns: TagPatterns): Promise<(tag: Tag) => boolean> {
  if (patterns.length === 0) return () => true;
  const re2 = await compiler();
  const compiled = patterns.map((pattern) => re2.compile(pattern));
  return (tag) => compiled.some((pattern) => pattern.matches(tag));
}

function invalid(text: string, reason: string): OciError {
  const pattern = text.slice(0, longestPattern);
  return new OciError("TAG_INVALID", `the pattern "${pattern}" can't be used: ${reason}`, {
    detail: { pattern },
  });
}
