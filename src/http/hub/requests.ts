import { z } from "zod";
import { isPrintableLine, isPrintableText } from "../../observability/printable.ts";
import { JsonBoundError, JsonError, parseJson } from "../../oci/json.ts";
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

/** Far more than any body of this API needs; what a body holds is counted before it is built. */
const bodyBounds = { maxDepth: 16, maxValues: 10_000, maxKeys: 100 };

/** Throws 400 with what is wrong with which field. No body is `{}`. */
export function parseBody(schema: z.ZodType, bytes: Buffer): unknown {
  let json: unknown = {};
  try {
    if (bytes.length > 0) json = parseJson(bytes, bodyBounds);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const isCostly = error instanceof JsonBoundError;
    throw new HubError(
      400,
      isCostly ? `the body is too complex: ${error.message}` : "the body is not JSON",
    );
  }
  const body = parse(schema, json);
  rejectControls(body, []);
  return body;
}

/** Fields that may have several lines. */
const longTexts = new Set(["description", "full_description"]);
/** Compared with a hash, never stored and never shown. */
const secrets = new Set(["password", "secret"]);

/**
 * Every text that is taken from a body: a name, a label or any other text that is stored holds no control characters, so that it
 * forges no line of a log or of a terminal later. Throws 400 with the field.
 */
function rejectControls(value: unknown, path: readonly string[]): void {
  if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) rejectControls(inner, [...path, key]);
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
