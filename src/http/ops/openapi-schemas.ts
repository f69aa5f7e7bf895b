import * as z from "zod";
import { longTexts, secrets } from "../hub/requests.ts";

/* The JSON schemas of requests and answers, with the rules for characters that all requests have. */

/** A JSON object; this module does not look deeper. */
export type Json = Readonly<Record<string, unknown>>;

export function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io }) as Json;
  return rest;
}

/** The router rejects a URL with U+0000. */
export const withoutNul = (schema: Json): Json =>
  schema["type"] === "string" && !("pattern" in schema || "enum" in schema || "anyOf" in schema)
    ? { ...schema, pattern: "^[^\\u0000]*$" }
    : schema;

/** The controls that `parseBody` rejects in a text, as a class of a regular expression. */
const controls = "\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069";

/** A schema of a body with the rule for control characters, which `parseBody` applies to the texts of each field. */
export function printableSchema(schema: unknown, field: string): unknown {
  if (Array.isArray(schema)) return schema.map((one) => printableSchema(one, field));
  if (typeof schema !== "object" || schema === null) return schema;
  const { properties, ...rest } = schema as Json;
  const inner = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [key, printableSchema(value, field)]),
  );
  const named = Object.entries((properties ?? {}) as Json).map(
    ([name, value]) => [name, printableSchema(value, name)] as const,
  );
  const isFree = ["pattern", "format", "enum", "const"].every((key) => !(key in rest));
  // `["string", "null"]` is a text that may be null.
  const isText = [rest["type"]].flat().includes("string");
  return {
    ...inner,
    ...(properties === undefined ? {} : { properties: Object.fromEntries(named) }),
    ...(isText && isFree ? { pattern: `^[^${excludedIn(field)}]*$` } : {}),
  };
}

function excludedIn(field: string): string {
  if (secrets.has(field)) return "\\u0000";
  const c0 = longTexts.has(field)
    ? "\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f"
    : "\\u0000-\\u001f";
  return c0 + controls;
}
