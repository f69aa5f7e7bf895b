import * as z from "zod";
import type { Route } from "../../src/http/route.ts";
import { ociManifest } from "../support/berth.ts";
import type { World } from "./world.ts";

/* What the rows of `worst-requests.ts` are made of. */

export interface WorstRequest {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** The most expensive requests that a client may send to a route. */
export type Row = (world: World, route: Route) => readonly WorstRequest[];

/** The name of a route in the tables of tests. */
export const keyOf = ({ method, path }: Route): string => `${method.toUpperCase()} ${path}`;

const json = { "Content-Type": "application/json" };
/** `count` items with commas between them. */
export const list = (count: number, item: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => item(at)).join(",");
/** The JSON of a descriptor of a manifest; `rest`: more fields, after a comma. */
export const descriptor = (at: number, rest = ""): string =>
  `{"mediaType":"${ociManifest}","digest":"sha256:${at.toString(16).padStart(64, "0")}","size":1${rest}}`;

/** The values for the parameters in the path of a route. */
const parametersOf = (world: World): Readonly<Record<string, string>> => ({
  name: "mia/big",
  namespace: "mia",
  repository: "big",
  org: "team",
  account: "mia",
  tag: "z-index-1",
  reference: "z-index-1",
  digest: world.subject,
  group: "team1",
  team: "team1",
  user: "user1",
  id: "00000000-0000-0000-0000-000000000000",
  delivery: "1",
});

/** The path of a route with values for its parameters. */
export function pathOf(world: World, { path }: Pick<Route, "path">): string {
  const user = path.startsWith("/v2/users/:name") ? { name: "mia" } : {};
  const mirror = path.includes("/mirrors/:namespace") ? { namespace: "docker.io" } : {};
  const [, scope = "repository"] = /\/(admin|namespaces)\/.*webhooks/.exec(path) ?? [];
  const webhook = { webhook: `${scope}-1` };
  const values: Readonly<Record<string, string>> = {
    ...{ ...parametersOf(world), ...user, ...mirror, ...webhook },
  };
  return path
    .replace("*repository", "mia/big")
    .replaceAll(/[:*](\w+)/g, (_, name: string) => values[name] ?? name);
}

/** A text of up to `length` characters with short words that are prefixes of many names. */
export const manyWords = (length: number): string =>
  "a b c d m big t 1 ".repeat(length / 18).trim();

/** Queries with all parameters of the route: with short values that match many rows, and with the longest values. */
function queriesOf(route: Route): readonly string[] {
  const schema = route.query;
  if (schema === undefined) return [""];
  const { properties = {} } = z.toJSONSchema(schema, { io: "input" }) as {
    properties?: Record<string, { type?: string; maxLength?: number; enum?: string[] }>;
  };
  const filled = (textOf: (longest: number) => string): string => {
    const query = new URLSearchParams();
    for (const [name, { type, maxLength = 12_000, enum: allowed }] of Object.entries(properties)) {
      if (["from", "to", "action", "actor", "role"].includes(name)) continue;
      if (name === "page_size" || name === "n") query.set(name, "100");
      else if (name === "page") query.set(name, "2");
      else if (allowed !== undefined) query.set(name, allowed.at(-1) ?? "");
      else if (type === "string" && name !== "last") query.set(name, textOf(maxLength));
    }
    return `?${query.toString()}`;
  };
  return ["?page_size=100", filled(() => "a"), filled(manyWords)];
}

const hostileBodies: readonly string[] = [
  "[".repeat(250_000),
  `[${list(120_000, () => "0")}]`,
  `{${list(20_000, (at) => `"key${at}":0`)}}`,
  `{"${"x".repeat(250_000)}":0}`,
  ...["resources", "rules", "invitees", "immutable_tags_rules", "scopes"].map(
    (field) => `{"${field}":[${list(80_000, () => "{}")}]}`,
  ),
];

/** The largest queries of the route, a query with 4,000 unknown parameters, and bodies that are expensive to parse. */
export const usual: Row = (world, route) => {
  const path = pathOf(world, route);
  const unknown = `?${list(4_000, (at) => `k${at}=v`).replaceAll(",", "&")}`;
  const queries = [...queriesOf(route), unknown].map((query) => ({ path: path + query }));
  // The route is an older path of another route.
  if ("legacy" in route && route.legacy) return queries.slice(0, 1);
  if (!("body" in route) || route.body === undefined) return queries;
  return hostileBodies.map((body) => ({ path, headers: json, body }));
};

/** The usual requests, and requests with these bodies. */
export const withBody =
  (...bodies: readonly object[]): Row =>
  (world, route) => [
    ...usual(world, route),
    ...bodies.map((body) => ({
      ...{ path: pathOf(world, route), headers: json, body: JSON.stringify(body) },
    })),
  ];
