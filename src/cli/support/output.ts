import process from "node:process";
import { styleText } from "node:util";
import { Presets, SingleBar } from "cli-progress";
import { printableJson, printableLine } from "../../observability/printable.ts";

/*
 * The only file of the command line that writes to the terminal. It removes control characters, also line breaks, from
 * stored texts and texts of servers: one line of output stays one line.
 */

/** A part of a line with a colour or weight. */
export interface Styled {
  readonly style: "bold" | "dim" | "green" | "red";
  readonly text: string;
}

/** One line: text, or its parts. */
export type Line = string | readonly (string | Styled)[];

/** Whether standard output is a terminal. Output to a file or another program has no colours. */
const isSeen = (): boolean => process.stdout.isTTY && process.env["NO_COLOR"] === undefined;

function render(line: Line): string {
  const parts = typeof line === "string" ? [line] : line;
  const printed = parts.map((part) => {
    if (typeof part === "string") return printableLine(part);
    const text = printableLine(part.text);
    return isSeen() ? styleText(part.style, text) : text;
  });
  return `${printed.join("")}\n`;
}

/** Writes one result: lines of text for users, or the facts as JSON for programs. */
export type Say = (facts: object, ...lines: readonly Line[]) => void;

export function createSay({ json }: { readonly json?: true }): Say {
  return (facts, ...lines) => {
    process.stdout.write(
      json ? `${printableJson(JSON.stringify(facts))}\n` : lines.map(render).join(""),
    );
  };
}

/** The lines of a text. */
export const linesOf = (text: string): readonly string[] => text.split(/\r?\n/);

/** Writes text of several lines to standard output, for results. */
export function print(text: string): void {
  process.stdout.write(printable(text));
}

/** Writes text of several lines to standard error, for everything but results. */
export function printError(text: string): void {
  process.stderr.write(printable(text));
}

const printable = (text: string): string => linesOf(text).map(printableLine).join("\n");

export interface Progress {
  advance(by: number): void;
  /** Hides the bar while `write` prints a line. */
  pause(write: () => void): void;
  end(): void;
}

/** A progress bar if standard error is a terminal; otherwise no output. */
export function createProgress(what: string, total: number): Progress {
  if (!process.stderr.isTTY || total === 0) {
    return { advance: () => undefined, pause: (write) => write(), end: () => undefined };
  }
  const format = `${printableLine(what)} {bar} {percentage}% | {eta_formatted} left`;
  const bar = new SingleBar(
    { format, stream: process.stderr, clearOnComplete: true },
    Presets.shades_grey,
  );
  bar.start(total, 0);
  return {
    advance: (by) => bar.increment(by),
    pause: (write) => {
      process.stderr.write("\r\u001B[K");
      write();
    },
    end: () => bar.stop(),
  };
}

/** `1.5 MiB` */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, bytes === 0 ? 0 : Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}

export const strong = (text: string): Styled => ({ style: "bold", text });

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
export function factLines(facts: readonly (readonly [string, string])[]): readonly Line[] {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => [{ style: "dim", text: name.padEnd(width) }, `  ${value}`]);
}

/** `2026-01-02 03:04` */
export const shortTime = (time: string | null): string =>
  time === null ? "never" : time.slice(0, 16).replace("T", " ");

export const shortDigest = (digest: string): string => digest.slice(0, digest.indexOf(":") + 13);
