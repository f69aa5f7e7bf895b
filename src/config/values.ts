import path from "node:path";
import * as z from "zod";
import { formatDuration, formatSize, parseDuration, parseSize } from "./quantities.ts";

/*
 * The kinds of value that a key can have. Each parses text (of a variable or a flag) and YAML values, describes the
 * allowed values in one phrase, and prints a value in the form that users write.
 */

/** The properties of a value that the loader, the messages and the printer need besides its type. */
export interface ValueFacts {
  /** Completes "allowed: …". */
  readonly allowed: string;
  /** Never shown; may be read from a file by the suffix `_FILE`. */
  readonly secret: boolean;
  /** A file or folder; in the configuration file relative to its folder. */
  readonly isPath: boolean;
  /** The value in the form of the configuration file. */
  readonly print: (value: unknown) => unknown;
}

const facts = z.registry<ValueFacts>();

/** The facts of a schema that a function below created; `undefined` for all others. */
export function factsOf(schema: z.core.$ZodType): ValueFacts | undefined {
  return facts.get(schema);
}

interface ValueKind<T> {
  readonly allowed: string;
  readonly secret?: boolean;
  readonly isPath?: boolean;
  /** `undefined`: the value is invalid. */
  readonly parse: (raw: unknown) => T | undefined;
  readonly print?: (value: T) => unknown;
}

/** A schema for one value from text or YAML. */
export function value<T>(kind: ValueKind<T>): z.ZodType<T> {
  const { allowed, secret = false, isPath = false, parse, print } = kind;
  const schema = z.unknown().transform((raw, context): T => {
    const parsed = parse(raw);
    if (parsed !== undefined) return parsed;
    context.issues.push({ code: "custom", message: allowed, input: raw });
    return z.NEVER;
  });
  // `print` gets only results of `parse`.
  facts.add(schema, {
    allowed,
    secret,
    isPath,
    print: (made) => (print === undefined ? made : print(made as T)),
  });
  return schema;
}

/** Text with at least one character. */
export function text(allowed = "some text"): z.ZodType<string> {
  return value({ allowed, parse: parseText });
}

/** Text that no message shows; `…_FILE` may read it from a file. */
export function secret(
  allowed = "some text, or a file to read it from",
  minLength = 1,
): z.ZodType<string> {
  return value({
    allowed,
    secret: true,
    parse: (raw) => {
      const given = parseText(raw);
      return given === undefined || given.length < minLength ? undefined : given;
    },
  });
}

/**
 * The path of a file or folder, resolved against the folder of the configuration file, or against the working directory
 * if a variable, a flag or the default names it.
 */
export function filePath(allowed: string): z.ZodType<string> {
  return value({
    allowed,
    isPath: true,
    parse: (raw) => {
      const given = parseText(raw);
      return given === undefined || given.includes("\0") ? undefined : path.resolve(given);
    },
  });
}

export function bool(): z.ZodType<boolean> {
  const words = new Map<unknown, boolean>([
    ...["true", "yes", "on", "1", 1, true].map((word) => [word, true] as const),
    ...["false", "no", "off", "0", 0, false].map((word) => [word, false] as const),
  ]);
  return value({
    allowed: "true or false",
    parse: (raw) => words.get(typeof raw === "string" ? raw.trim().toLowerCase() : raw),
  });
}

/** One of the words. */
export function choice<const Word extends string>(words: readonly Word[]): z.ZodType<Word> {
  return value({
    allowed: `one of ${words.join(", ")}`,
    parse: (raw) =>
      words.find(
        (word) => typeof raw === "string" && raw.trim().toLowerCase() === word.toLowerCase(),
      ),
  });
}

export interface Bounds {
  readonly min: number;
  /** Inclusive, like `min`. */
  readonly max?: number;
}

/** A whole number. */
export function integer(bounds: Bounds, note = ""): z.ZodType<number> {
  return value({
    allowed: `a whole number ${between(bounds, String)}${note}`,
    parse: (raw) =>
      within(bounds, typeof raw === "string" && /^\d{1,15}$/.test(raw.trim()) ? Number(raw) : raw),
  });
}

/** A duration in milliseconds. */
export function duration(bounds: Bounds): z.ZodType<number> {
  return value({
    allowed: `a duration ${between(bounds, formatDuration)}, written 500ms, 30s, 5m, 24h or 7d`,
    parse: (raw) => within(bounds, parseDuration(raw)),
    print: formatDuration,
  });
}

/** A size in bytes. */
export function size(bounds: Bounds): z.ZodType<number> {
  return value({
    allowed: `a size ${between(bounds, formatSize)}, written 4096 (bytes), 64MiB or 50GB`,
    parse: (raw) => within(bounds, parseSize(raw)),
    print: formatSize,
  });
}

export type ReserveSetting =
  | { readonly kind: "bytes"; readonly bytes: number }
  | { readonly kind: "percent"; readonly percent: number };

/** A part of a disk: bytes, or a percentage. */
export function reserve(): z.ZodType<ReserveSetting> {
  return value<ReserveSetting>({
    allowed: "a size, written 4096 (bytes), 64MiB or 50GB, or a percentage up to 50%; 0 for none",
    parse: (raw) => {
      const percent =
        typeof raw === "string" ? /^(\d{1,2}(?:\.\d{1,3})?) ?%$/.exec(raw.trim())?.[1] : undefined;
      if (percent !== undefined)
        return Number(percent) <= 50 ? { kind: "percent", percent: Number(percent) } : undefined;
      const bytes = parseSize(raw);
      return bytes === undefined ? undefined : { kind: "bytes", bytes };
    },
    print: (made) => (made.kind === "percent" ? `${made.percent}%` : formatSize(made.bytes)),
  });
}

export function parseText(raw: unknown): string | undefined {
  if (typeof raw === "number") return String(raw);
  return typeof raw === "string" && raw.trim() !== "" ? raw : undefined;
}

function within(
  { min, max = Number.MAX_SAFE_INTEGER }: Bounds,
  quantity: unknown,
): number | undefined {
  if (typeof quantity !== "number" || !Number.isSafeInteger(quantity)) return undefined;
  return quantity >= min && quantity <= max ? quantity : undefined;
}

function between({ min, max }: Bounds, format: (quantity: number) => string): string {
  return max === undefined ? `of at least ${format(min)}` : `from ${format(min)} to ${format(max)}`;
}

/** The mode of a file, as octal digits. */
export function fileMode(): z.ZodType<number> {
  return value({
    allowed: "three octal digits, such as 0660",
    parse: (raw) =>
      // YAML reads 0660 as the number 660.
      /^0?[0-7]{3}$/.test(String(raw)) ? Number.parseInt(String(raw), 8) : undefined,
    print: (mode) => `0${mode.toString(8).padStart(3, "0")}`,
  });
}
