import fc, { type Arbitrary } from "fast-check";

/*
 * Values for requests: valid, nearly valid and invalid. Names and digests often exist on the server, so that a request
 * passes the first checks.
 */

/** The objects on the server under test. The lists grow during the run. */
export interface Known {
  readonly repositories: string[];
  readonly digests: string[];
  readonly tags: string[];
  readonly uploads: string[];
  readonly accounts: string[];
  /** Header lines `Authorization: …`; empty in open mode. */
  readonly credentials: string[];
  readonly manifests: Buffer[];
}

export const oneOf = <T>(values: readonly T[], otherwise: T): Arbitrary<T> =>
  values.length === 0 ? fc.constant(otherwise) : fc.constantFrom(...values);

/** Replaces lone surrogates, which UTF-8 can't encode. */
export const wellFormed = (text: string): string => Buffer.from(text).toString();

const weight = <T>(times: number, arbitrary: Arbitrary<T>) => ({ weight: times, arbitrary });

/** Text that is invalid for most parameters. */
export const oddText: Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    ...["", " ", ".", "..", "../../etc/passwd", "%", "%00", "%2e%2e", "%2F", "%ff", "null", "a b"],
    ...["-1", "0", "00", "1e9", "99999999999999999999", "NaN", "true", "[]", "{}", "'", '"', "\\"],
    ...["__proto__", "constructor", "toString", "hasOwnProperty", "sha256:", "sha256:zz", "md5:00"],
    ...[
      "\u0000",
      "\u001b[31mred\u001b[0m",
      "\u202eabc",
      "é",
      "日本",
      "😀",
      "\ud800",
      "A".repeat(300),
    ],
    ...["a".repeat(10_000), "x/".repeat(200), "*", "?", "#", "@", ":", "latest", "LATEST", "a,b"],
  ),
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.integer().map(String),
);

const orOdd = (arbitrary: Arbitrary<string>): Arbitrary<string> =>
  fc.oneof(weight(7, arbitrary), weight(1, oddText));

const anyDigest = fc.nat().map((number) => `sha256:${String(number).padStart(64, "0")}`);

/** A value for a parameter of a path, query or body, chosen by the name of the parameter. */
export function valueFor(name: string, known: Known): Arbitrary<string> {
  const repository = oneOf(known.repositories, "team/app");
  const digest = fc.oneof(weight(3, oneOf(known.digests, "")), weight(1, anyDigest));
  const tag = fc.oneof(oneOf(known.tags, "1"), fc.constantFrom("latest", "v1.0", "new"));
  const account = oneOf(known.accounts, "team");
  if (/^(?:name|from|repository|repo|\*name|\*repository)$/.test(name)) {
    const last = repository.map((text) => text.slice(text.indexOf("/") + 1));
    return orOdd(name === "repository" ? fc.oneof(last, repository) : repository);
  }
  if (/digest|mount|subject|base/i.test(name)) return orOdd(digest);
  if (/reference|tag|from_?ref|to_?ref/i.test(name)) return orOdd(fc.oneof(tag, digest));
  if (name === "id" || /uuid|upload/i.test(name)) return orOdd(oneOf(known.uploads, "1"));
  if (/namespace|org|account|user|member|owner|team|group/i.test(name)) return orOdd(account);
  if (name === "scope")
    return orOdd(
      fc
        .tuple(repository, fc.constantFrom("pull", "pull,push", "*", "delete", "push,pull,delete"))
        .map(([repo, actions]) => `repository:${repo}:${actions}`),
    );
  if (/^(?:n|page|page_size|limit|offset|ttl|days)$/.test(name))
    return orOdd(fc.constantFrom("1", "2", "10", "100", "1000", "5000"));
  if (/order|sort/i.test(name))
    return orOdd(fc.constantFrom("name", "-name", "last_updated", "-last_updated", "pull_count"));
  return fc.oneof(oddText, repository, tag, account, fc.constantFrom("true", "1", "2030-01-01"));
}

/** JSON values of types and sizes that parsers and validators often handle wrong. */
export const oddJson: Arbitrary<unknown> = fc.oneof(
  weight(4, oddText),
  weight(3, fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 2 ** 53, 1e308, [], {}, [[]], [null])),
  weight(2, fc.jsonValue({ maxDepth: 4 })),
  weight(1, fc.array(oddText, { maxLength: 20 })),
);

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
}

/** JSON that mostly fits a schema: one property in eight does not fit, and some properties are unknown. */
export function jsonFor(schema: JsonSchema, known: Known, name = ""): Arbitrary<unknown> {
  const fitting = (): Arbitrary<unknown> => {
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
    if (schema.const !== undefined) return fc.constant(schema.const);
    if (schema.anyOf !== undefined)
      return fc.oneof(...schema.anyOf.map((one) => jsonFor(one, known, name)));
    if (schema.properties !== undefined) {
      const fields = Object.entries(schema.properties).map(
        ([field, inner]) => [field, jsonFor(inner, known, field)] as const,
      );
      const given = fc.record(Object.fromEntries(fields), { requiredKeys: [] });
      return fc.tuple(given, fc.dictionary(oddText, oddJson, { maxKeys: 1 })).map(
        // Object.fromEntries keeps a key like `__proto__` as an own property.
        ([right, odd]) => Object.fromEntries([...Object.entries(right), ...Object.entries(odd)]),
      );
    }
    if (schema.type === "array")
      return fc.array(jsonFor(schema.items ?? {}, known, name), { maxLength: 5 });
    if (schema.type === "integer" || schema.type === "number") return fc.integer();
    if (schema.type === "boolean") return fc.boolean();
    return valueFor(name, known);
  };
  return fc.oneof(weight(7, fitting()), weight(1, oddJson));
}
