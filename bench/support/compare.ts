import type { Work } from "../workload/work.ts";
import type { Sample } from "./measuring.ts";
import { formats, type Samples } from "./report.ts";
import { formatTable, medianOf } from "./table.ts";

/** The name of the server that runs the other commit, by the name of the server that runs this build. */
export const namesBefore = { berth: "before", postgres: "before-postgres" } as const;

/** Medians that differ by this share or less are the same. */
const leastChange = 0.05;

/** What is compared: a rate, or a time or size, of which less is better. */
interface Figure {
  readonly title: string;
  readonly kind: "rate" | "time" | "size";
  readonly format: (value: number) => string;
  readonly of: (sample: Sample) => number | undefined;
}

/** The row of one figure. */
export interface Change {
  readonly title: string;
  readonly before: string;
  readonly now: string;
  /** The ratio of the medians, now to before, and in brackets the lowest and the highest ratio of two rounds. */
  readonly ratio: string;
  readonly verdict: "better" | "same" | "worse";
  /** The verdict in words: `slower`, `faster`, `larger`, `smaller` or `same`. */
  readonly word: string;
}

const words = {
  rate: { better: "faster", same: "same", worse: "**slower**" },
  time: { better: "faster", same: "same", worse: "**slower**" },
  size: { better: "smaller", same: "same", worse: "**larger**" },
};

function figuresOf({ title, unit }: Work): readonly Figure[] {
  const kind = unit === "B" ? "size" : unit === "ms" ? "time" : "rate";
  return [
    { title, kind, format: formats[unit], of: ({ value }) => value },
    {
      title: `${title}: CPU a request`,
      kind: "time",
      format: (us) => `${us.toFixed(1)} µs`,
      of: ({ cpuUsPerRequest }) => cpuUsPerRequest,
    },
    {
      title: `${title}: CPU an image`,
      kind: "time",
      format: (ms) => `${ms.toFixed(2)} ms`,
      of: ({ cpuMsByThread }) =>
        cpuMsByThread && Object.values(cpuMsByThread).reduce((sum, ms) => sum + ms, 0),
    },
  ];
}

/**
 * Compares this build with that of the other commit. A figure is better or worse if its medians differ by more than 5 %
 * and each round of one build is above each round of the other; otherwise it is the same.
 */
export function changesOf(works: readonly Work[], samples: Samples): readonly Change[] {
  return Object.entries(namesBefore).flatMap(([nameNow, nameBefore]) =>
    works.flatMap((work) =>
      figuresOf(work).flatMap(({ title, kind, format, of }) => {
        const seen = samples.get(work.name);
        const [before, now] = [nameBefore, nameNow].map((name) =>
          (seen?.get(name) ?? []).map(of).filter((value) => value !== undefined),
        );
        if (!before?.length || !now?.length) return [];
        const { verdict, ratio } = compare(before, now, kind === "rate");
        return {
          title: nameNow === "postgres" ? `${title} (PostgreSQL)` : title,
          ...{ before: format(medianOf(before)), now: format(medianOf(now)) },
          ...{ ratio, verdict, word: words[kind][verdict] },
        };
      }),
    ),
  );
}

function compare(
  before: readonly number[],
  now: readonly number[],
  isRate: boolean,
): Pick<Change, "verdict" | "ratio"> {
  const ratio = medianOf(now) / medianOf(before);
  const low = Math.min(...now) / Math.max(...before);
  const high = Math.max(...now) / Math.min(...before);
  const differs = Math.abs(ratio - 1) > leastChange && (low > 1 || high < 1);
  const [middle, ...ends] = [ratio, low, high].map((each) => each.toFixed(2));
  return {
    ratio: `${middle} (${ends.join("–")})`,
    verdict: !differs ? "same" : ratio > 1 === isRate ? "better" : "worse",
  };
}

/** The table of all changes; empty if no other commit was measured. */
export function changesTable(
  changes: readonly Change[],
  { before, now }: { readonly before: string; readonly now: string },
): string {
  if (changes.length === 0) return "";
  return formatTable(
    ["work", `before (${before})`, `now (${now})`, "now / before (rounds)", "change"],
    changes.map(({ title, before, now, ratio, word }) => [title, before, now, ratio, word]),
  );
}
