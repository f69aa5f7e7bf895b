import type * as z from "zod";
import { words } from "../../api/fields.ts";
import type { Session } from "../../auth/sessions.ts";
import { isPrintableLine, isPrintableText } from "../../observability/printable.ts";
import { JsonBoundError, JsonError, parseJson } from "../../oci/json.ts";
import type { HubRequest } from "../route.ts";
import { forbidden, HubError } from "./errors.ts";

/**
 * Parses the query. Of a repeated parameter that is not a list of words, the first value counts. Throws 400 with the
 * messages by field.
 */
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

/** Far above the needs of this API. `parseJson` counts the contents of a body before it builds the value. */
const bodyBounds = { maxDepth: 16, maxValues: 10_000, maxKeys: 100 };

/** Parses a JSON body; an empty body is `{}`. Throws 400 with the messages by field. */
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
export const longTexts: ReadonlySet<string> = new Set(["description", "full_description"]);
/**
 * The server compares these fields with a hash and never stores or displays them. Only U+0000 is rejected: scrypt gives
 * the same hash for a password and for the password with U+0000 behind it.
 */
export const secrets: ReadonlySet<string> = new Set(["password", "secret", "current", "new"]);

/**
 * Rejects control characters in all texts of a body, because a stored text could later forge a line in a log or in a
 * terminal. Throws 400 with the field.
 */
function rejectControls(value: unknown, path: readonly string[]): void {
  if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) rejectControls(inner, [...path, key]);
    return;
  }
  const field = path.findLast((key) => !/^\d+$/.test(key)) ?? "body";
  if (typeof value !== "string") return;
  if (secrets.has(field) && !value.includes("\0")) return;
  if (longTexts.has(field) ? isPrintableText(value) : isPrintableLine(value)) return;
  const message = "has a control character, or a line break in a text of one line: remove it";
  throw new HubError(400, `${path.join(".")}: ${message}`, {
    fields: { [path.join(".")]: [message] },
  });
}

/** Maximum number of validation messages in one response. */
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

/** The calling user. Throws 401 for an anonymous caller and 403 for an organisation. */
export function userOf({
  session,
}: Pick<HubRequest, "session">): Extract<Session["principal"], { kind: "user" }> {
  if (session === undefined) throw new HubError(401, "log in to do this");
  if (session.principal.kind !== "user") throw forbidden("only a user may do this");
  return session.principal;
}
