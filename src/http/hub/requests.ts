import { z } from "zod";
import { isPrintableLine, isPrintableText } from "../../observability/printable.ts";
import { HubError } from "./errors.ts";

/** Words with commas between them, or a parameter that comes several times. */
export const words = z
  .string()
  .default("")
  .transform((text) => [...new Set(text.split(",").map((word) => word.trim()))].filter(Boolean));

/** `true` and what people write for it; nothing is neither that nor `false`. */
export const flag = z
  .string()
  .optional()
  .transform((text) =>
    text === undefined || text === "" ? undefined : /^(?:1|true|yes)$/i.test(text),
  );

/** Of a parameter that comes twice, and is no list of words, the first counts. Throws 400 with what is wrong with which. */
export function parseQuery<S extends z.ZodObject>(
  schema: S,
  query: NodeJS.Dict<string | string[]>,
): z.output<S> {
  const one = ([key, value]: [string, string | string[] | undefined]) => [
    key,
    Array.isArray(value) ? (schema.shape[key] === words ? value.join(",") : value[0]) : value,
  ];
  return parse(schema, Object.fromEntries(Object.entries(query).map(one))) as z.output<S>;
}

/** Throws 400 with what is wrong with which field. No body is `{}`. */
export function parseBody(schema: z.ZodType, bytes: Buffer): unknown {
  const text = bytes.toString("utf8");
  let json: unknown;
  try {
    json = text === "" ? {} : JSON.parse(text);
  } catch {
    throw new HubError(400, "the body is not JSON");
  }
  refuseCostly(json);
  refuseControls(json, []);
  return parse(schema, json);
}

/** Far more than any body of this API needs. */
const deepest = 16;
const mostValues = 10_000;

/**
 * Bounds what every later step costs: throws 400 for JSON nested deeper than 16, or with more than 10,000 values. It
 * walks level by level, since a recursion would end with the stack.
 */
function refuseCostly(json: unknown): void {
  let level = [json];
  let count = 0;
  for (let depth = 0; level.length > 0; depth += 1) {
    count += level.length;
    if (depth > deepest)
      throw new HubError(400, `the body is nested deeper than ${deepest} levels`);
    if (count > mostValues)
      throw new HubError(400, `the body holds more than ${mostValues} values`);
    level = level.flatMap((value) =>
      typeof value === "object" && value !== null ? Object.values(value) : [],
    );
  }
}

/** Fields that may have several lines. */
const longTexts = new Set(["description", "full_description"]);
/** Compared with a hash, never stored and never shown. */
const secrets = new Set(["password", "secret"]);

/**
 * Every text of every body: a name, a label or any other text that is stored holds no control characters, so that it
 * forges no line of a log or of a terminal later. Throws 400 with the field.
 */
function refuseControls(value: unknown, path: readonly string[]): void {
  if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) refuseControls(inner, [...path, key]);
    return;
  }
  const field = path.findLast((key) => !/^\d+$/.test(key)) ?? "body";
  if (typeof value !== "string" || secrets.has(field)) return;
  if (longTexts.has(field) ? isPrintableText(value) : isPrintableLine(value)) return;
  const message =
    "holds a control character, such as an escape, or a line break where one line is meant";
  throw new HubError(400, `${path.join(".")}: ${message}`, {
    fields: { [path.join(".")]: [message] },
  });
}

/** Of what is wrong, as much as a person reads. */
const issuesTold = 20;

function parse(schema: z.ZodType, value: unknown): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const fields: Record<string, string[]> = {};
  for (const { path, message } of parsed.error.issues.slice(0, issuesTold)) {
    const field = path.map(String).join(".") || "body";
    fields[field] = [...(Object.hasOwn(fields, field) ? (fields[field] ?? []) : []), message];
  }
  const told = Object.entries(fields).map(([field, [message]]) => `${field}: ${message}`);
  throw new HubError(400, told.join("; "), { fields });
}
