export const KiB = 1024;
export const MiB = 1024 * KiB;

/** A Markdown table in the format of the README. */
export function formatTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}

export const inMiB = (bytes: number): string => `${(bytes / MiB).toFixed(0)} MiB`;
export const inMs = (ms: number): string => `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;

/** The median; NaN if there are no values. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const [low, high] = [sorted.length - 1, sorted.length].map((twice) => sorted[twice >> 1] ?? NaN);
  return ((low ?? NaN) + (high ?? NaN)) / 2;
}
