import fc, { type Arbitrary } from "fast-check";
import * as z from "zod";
import { isHubRoute, type HubRoute, type Route } from "../../src/http/route.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { jsonFor, oddJson, oddText, oneOf, valueFor, wellFormed, type Known } from "./values.ts";

export interface Body {
  readonly type: string | undefined;
  readonly bytes: Buffer;
  /** The digest of the bytes, for requests that need it in the query. */
  readonly digest: string;
}

const bodyOf = (type: string | undefined, content: Buffer | string): Body => {
  const bytes = Buffer.from(content);
  return { type, bytes, digest: digestOf(bytes) };
};

const manifestTypes = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/json",
  "text/html",
];

/** JSON that is expensive to parse: many entries, many keys, deep nesting, escapes, long text. */
const heavyJson: Arbitrary<string> = fc.constantFrom(
  `{"schemaVersion":2,"annotations":{${Array.from({ length: 30_000 }, (_, key) => `"k${key}":""`).join(",")}}}`,
  `{"schemaVersion":2,"manifests":[${Array.from({ length: 20_000 }, () => "{}").join(",")}]}`,
  `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
  `${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}`,
  `{"\\u0073chemaVersion":2,"a":"${"\\u0041".repeat(100_000)}"}`,
  `{"schemaVersion":2,"a":"${"x".repeat(3_000_000)}"}`,
  `{"schemaVersion":${"9".repeat(100_000)}}`,
);

const descriptor = (known: Known): Arbitrary<unknown> =>
  fc.record(
    {
      mediaType: fc.oneof(fc.constantFrom(...manifestTypes), oddText),
      digest: valueFor("digest", known),
      size: fc.oneof(fc.constantFrom(0, 7, 100, -1, 2 ** 53, 1.5), fc.nat()),
      annotations: fc.oneof(fc.dictionary(oddText, oddText, { maxKeys: 3 }), oddJson),
      platform: fc.oneof(
        fc.record({ os: oddText, architecture: oddText }),
        fc.constant({ os: "linux", architecture: "amd64" }),
        oddJson,
      ),
      data: oddText,
      urls: fc.array(oddText, { maxLength: 2 }),
      artifactType: oddText,
    },
    { requiredKeys: ["mediaType", "digest", "size"] },
  );

/** Manifests: pushed ones, generated ones, and both kinds with some bytes changed or removed. */
function manifests(known: Known): Arbitrary<Body> {
  const one = descriptor(known);
  const madeUp = fc
    .record(
      {
        schemaVersion: fc.constantFrom<unknown>(2, 1, "2", null),
        mediaType: fc.oneof(fc.constantFrom(...manifestTypes), oddText),
        config: fc.oneof(one, oddJson),
        layers: fc.oneof(fc.array(one, { maxLength: 6 }), oddJson),
        manifests: fc.oneof(fc.array(one, { maxLength: 6 }), oddJson),
        subject: fc.oneof(one, oddJson),
        artifactType: oddText,
        annotations: fc.oneof(fc.dictionary(oddText, oddText, { maxKeys: 5 }), oddJson),
      },
      { requiredKeys: ["schemaVersion"] },
    )
    .map((value) => JSON.stringify(value));
  const pushed = oneOf(known.manifests, Buffer.from("{}")).map((bytes) => bytes.toString());
  const damaged = fc
    .tuple(fc.oneof(madeUp, pushed), fc.nat(), fc.nat(20), oddText)
    .map(([text, from, count, odd]) => {
      const at = from % Math.max(1, text.length);
      return text.slice(0, at) + odd + text.slice(at + count);
    });
  const text = fc.oneof(
    { weight: 6, arbitrary: madeUp },
    { weight: 3, arbitrary: pushed },
    { weight: 3, arbitrary: damaged },
    { weight: 1, arbitrary: heavyJson },
  );
  const type = fc.oneof(fc.constantFrom(...manifestTypes), fc.constant(undefined), headerText);
  return fc.tuple(type, text).map(([mediaType, content]) => bodyOf(mediaType, content));
}

/** Text of characters that are allowed in a header. */
export const headerText: Arbitrary<string> = oddText.map((text) =>
  text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "").slice(0, 2_000),
);

function forms(known: Known): Arbitrary<Body> {
  const field = fc.constantFrom(
    ...["grant_type", "service", "scope", "username", "password", "refresh_token", "client_id"],
    ...["access_type", "account", "offline_token"],
  );
  const pair = field.chain((name) =>
    fc
      .oneof(
        valueFor(name, known),
        fc.constantFrom("password", "refresh_token", "berth", "offline", "mia"),
      )
      .map((value): [string, string] => [name, value]),
  );
  return fc
    .array(pair, { maxLength: 8 })
    .map((pairs) =>
      bodyOf(
        "application/x-www-form-urlencoded",
        new URLSearchParams(
          pairs.map(([name, value]): [string, string] => [name, wellFormed(value)]),
        ).toString(),
      ),
    );
}

const blobs: Arbitrary<Body> = fc
  .oneof(fc.uint8Array({ maxLength: 3_000 }), fc.constant(new Uint8Array(400_000)))
  .map((bytes) => bodyOf("application/octet-stream", Buffer.from(bytes)));

const nothing = fc.constant(bodyOf(undefined, ""));

const schemas = new WeakMap<HubRoute, object>();

function schemaOf(route: HubRoute): object {
  const known = schemas.get(route);
  if (known !== undefined) return known;
  const body = route.body ?? z.unknown();
  const schema = z.toJSONSchema(body, { io: "input", unrepresentable: "any" });
  schemas.set(route, schema);
  return schema;
}

/** A body for the route: in 8 of 9 cases of the kind that the route accepts. */
export function bodyFor(route: Route, known: Known): Arbitrary<Body> {
  const json = (value: Arbitrary<unknown>): Arbitrary<Body> =>
    value.map((one) => bodyOf("application/json", JSON.stringify(one) ?? ""));
  const any = fc.oneof(
    ...[nothing, blobs, forms(known), manifests(known), json(oddJson)],
    heavyJson.map((text) => bodyOf("application/json", text)),
  );
  const own = (): Arbitrary<Body> => {
    if (isHubRoute(route))
      return route.body === undefined ? nothing : json(jsonFor(schemaOf(route), known));
    if (route.body === "manifest") return manifests(known);
    if (route.body === "form") return forms(known);
    return route.body === "stream" ? fc.oneof(nothing, blobs) : nothing;
  };
  return fc.oneof({ weight: 8, arbitrary: own() }, { weight: 1, arbitrary: any });
}
