import type { IncomingMessage } from "node:http";
import { z } from "zod";
import { HubError } from "./errors.ts";

/** A full description of 25 000 characters, each of them six bytes of JSON, and some more. */
const longestBody = 256 * 1024;

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

/** Throws 400 with what is wrong with which field, 413 for a body that is too large. */
export async function parseBody(schema: z.ZodType, request: IncomingMessage): Promise<unknown> {
  const text = await readText(request);
  let json: unknown;
  try {
    json = text === "" ? {} : JSON.parse(text);
  } catch {
    throw new HubError(400, "the body is not JSON");
  }
  return parse(schema, json);
}

function parse(schema: z.ZodType, value: unknown): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const fields: Record<string, string[]> = {};
  for (const { path, message } of parsed.error.issues) {
    const field = path.map(String).join(".") || "body";
    fields[field] = [...(Object.hasOwn(fields, field) ? (fields[field] ?? []) : []), message];
  }
  const told = Object.entries(fields).map(([field, [message]]) => `${field}: ${message}`);
  throw new HubError(400, told.join("; "), { fields });
}

async function readText(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > longestBody) throw new HubError(413, `the body is larger than ${longestBody} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}
