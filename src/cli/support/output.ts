import process from "node:process";
import { styleText } from "node:util";
import { Presets, SingleBar } from "cli-progress";
import { formatSize } from "../../config/quantities.ts";
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

/** Whether output has colours: not in a file or for another program, and not with NO_COLOR (no-color.org). */
const isSeen = (): boolean => process.stdout.isTTY && process.stdout.hasColors();

function render(line: Line): string {
  const parts = typeof line === "string" ? [line] : line;
  const printed = parts.map((part) => {
    if (typeof part === "string") return printableLine(part);
    const text = printableLine(part.text);
    return isSeen() ? styleText(part.style, text) : text;
  });
  return `${printed.join("")}\n`;
}

/** Writes one result: lines of text for users, or the facts as JSON for programs, with keys as in the HTTP API. */
export type Say = (facts: object, ...lines: readonly Line[]) => void;

export function createSay({ json }: { readonly json?: true }): Say {
  return (facts, ...lines) => {
    process.stdout.write(
      json
        ? `${printableJson(JSON.stringify(snakeKeys(JSON.parse(JSON.stringify(facts)))))}\n`
        : lines.map(render).join(""),
    );
  };
}

/**
 * The items of a list. If there are none, standard error says so: standard output has only results.
 * @param none `no users`
 */
export async function* orNone<T>(
  items: Iterable<T> | AsyncIterable<T>,
  none: string,
): AsyncGenerator<T> {
  let isEmpty = true;
  for await (const item of items) {
    isEmpty = false;
    yield item;
  }
  if (isEmpty) printError(`${none}\n`);
}

/** `usedBytes` becomes `used_bytes`, at all depths. */
function snakeKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [snake(key), snakeKeys(inner)]);
  return Object.fromEntries(entries) as unknown;
}

const snake = (key: string): string => key.replaceAll(/[a-z\d](?=[A-Z])/g, "$&_").toLowerCase();

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

/** Units of 1024 or of 1000 bytes. */
export type Units = "binary" | "decimal";

/** The units in which a limit was probably written: 50 GB is a round number only in decimal units. */
export const unitsOf = (limitBytes: number): Units =>
  /\d[KMGT]B$/.test(formatSize(limitBytes)) ? "decimal" : "binary";

/** `1.5 MiB`, or in decimal units `1.6 MB` */
export function formatBytes(bytes: number, units: Units = "binary"): string {
  const base = units === "binary" ? 1024 : 1000;
  const names =
    units === "binary" ? ["B", "KiB", "MiB", "GiB", "TiB"] : ["B", "kB", "MB", "GB", "TB"];
  let power = 0;
  while (power < names.length - 1 && bytes >= base ** (power + 1)) power += 1;
  const value = bytes / base ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${names[power]}`;
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
