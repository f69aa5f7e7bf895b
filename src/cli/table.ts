import process from "node:process";
import { styleText } from "node:util";

/** Where somebody looks; what goes into a file or another program has no colours. */
const isSeen = (): boolean => process.stdout.isTTY && process.env["NO_COLOR"] === undefined;

export const strong = (text: string): string => (isSeen() ? styleText("bold", text) : text);
export const faint = (text: string): string => (isSeen() ? styleText("dim", text) : text);
export const green = (text: string): string => (isSeen() ? styleText("green", text) : text);
export const red = (text: string): string => (isSeen() ? styleText("red", text) : text);

/** What a server says goes to a terminal without the signs that would steer it. */
export const printable = (text: string): string => text.replaceAll(/[^\P{Cc}\n\t]/gu, "");

/** Columns as wide as what is in them, the last one as it is. */
export function tableOf(heads: readonly string[], given: readonly (readonly string[])[]): string {
  const rows = given.map((row) => row.map((cell) => printable(cell).replaceAll(/\s/g, " ")));
  const widths = heads.map((head, at) =>
    Math.max(head.length, ...rows.map((row) => row[at]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => (at === cells.length - 1 ? cell : cell.padEnd(widths[at] ?? 0)))
      .join("  ")
      .trimEnd();
  return [strong(line(heads)), ...rows.map(line)].join("\n");
}

/** `name    value`, a line each. */
export function factsOf(facts: readonly (readonly [string, string])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts
    .map(([name, value]) => `${faint(name.padEnd(width))}  ${printable(value)}`)
    .join("\n");
}

/** `2026-01-02 03:04` */
export const shortTime = (time: string | null): string =>
  time === null ? "never" : time.slice(0, 16).replace("T", " ");

export const shortDigest = (digest: string): string => digest.slice(0, digest.indexOf(":") + 13);
