import { printableLine } from "../../observability/printable.ts";
import type { Line, Styled } from "./output.ts";

export const strong = (text: string): Styled => ({ style: "bold", text });
export const green = (text: string): Styled => ({ style: "green", text });
export const red = (text: string): Styled => ({ style: "red", text });

/** Rows with aligned columns; the last column is not padded. */
export function tableOf(
  heads: readonly string[],
  given: readonly (readonly string[])[],
): readonly Line[] {
  const rows = given.map((row) => row.map((cell) => printableLine(cell).replaceAll(/\s/g, " ")));
  const widths = heads.map((head, at) =>
    Math.max(head.length, ...rows.map((row) => row[at]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => (at === cells.length - 1 ? cell : cell.padEnd(widths[at] ?? 0)))
      .join("  ")
      .trimEnd();
  return [[strong(line(heads))], ...rows.map(line)];
}

/** One line per fact: `name    value`. */
export function factsOf(facts: readonly (readonly [string, string])[]): readonly Line[] {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => [{ style: "dim", text: name.padEnd(width) }, `  ${value}`]);
}

/** `2026-01-02 03:04` */
export const shortTime = (time: string | null): string =>
  time === null ? "never" : time.slice(0, 16).replace("T", " ");

export const shortDigest = (digest: string): string => digest.slice(0, digest.indexOf(":") + 13);
