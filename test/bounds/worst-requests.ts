import type { Route } from "../../src/http/route.ts";
import {
  descriptor,
  keyOf,
  list,
  pathOf,
  usual,
  withBody,
  type Row,
  type WorstRequest,
} from "./requests.ts";
import { ociIndex } from "./images.ts";
import {
  activities,
  histories,
  lists,
  logs,
  referrers,
  searches,
  tagLists,
  wholeLog,
} from "./worst-lists.ts";
import type { World } from "./world.ts";

const index = (entries: string, rest = ""): string =>
  `{"schemaVersion":2,"mediaType":"${ociIndex}","manifests":[${entries}]${rest}}`;

const manifests: Row = () =>
  [
    index(list(5_000, descriptor)),
    index(list(27_412, descriptor)),
    index(list(5_000, (at) => descriptor(at, `,"annotations":{"a":"b","c":"d","e":"f"}`))),
    index(
      list(5_000, (at) =>
        descriptor(at, `,"platform":{"os":"l","architecture":"a","variant":"v"}`),
      ),
    ),
    index(descriptor(1, `,"urls":[${list(45_000, (at) => `"http://a.b/${at}"`)}]`)),
    index(
      list(4, (at) => descriptor(at, `,"annotations":{${list(9_999, (key) => `"k${key}":""`)}}`)),
    ),
    index("", `,"x":[${list(4, () => `{${list(9_990, (key) => `"\\u0041${key}":0`)}}`)}]`),
    index("", `,"annotations":{${list(350_000, (key) => `"${key.toString(36)}":""`)}}`),
    index("", `,"annotations":{"a":"${"x".repeat(4_000_000)}"}`),
    index("", `,"x":[${list(4_000, () => "[[[[[[[[[[1]]]]]]]]]]")}]`),
    index("", `,"x":"${String.raw`\u0041`.repeat(680_000)}"`),
    index(descriptor(1, `,"data":"${"AAAA".repeat(1_000_000)}"`)),
  ].map((body) => ({
    path: "/v2/mia/big/manifests/pushed",
    headers: { "Content-Type": ociIndex },
    body,
  }));

const quotes = `"${'","'.repeat(15_000)}`;
const conditions: Row = (world) => [
  { path: `/v2/mia/big/manifests/${world.image}`, headers: { "If-None-Match": quotes } },
  { path: "/v2/mia/big/manifests/z-index-1", headers: { "If-None-Match": "W/".repeat(25_000) } },
  { path: "/v2/mia/big/manifests/z-index-1", headers: { Cookie: "a=b; ".repeat(12_000) } },
  { path: "/v2/mia/big/manifests/z-index-1", headers: { Accept: `${ociIndex}, `.repeat(1_000) } },
];
const ranges: Row = ({ blob }) =>
  [
    `bytes=${list(10_000, (at) => `${at}-${at}`)}`,
    `bytes=${list(100, (at) => `${at * 40_000}-${at * 40_000 + 39_000}`)}`,
    `bytes=${"9".repeat(60_000)}-`,
  ].map((Range) => ({ path: `/v2/mia/big/blobs/${blob}`, headers: { Range } }));

const scopes = (count: number): string =>
  list(count, (at) => `scope=repository:mia/aa-bb-cc-dd-${at}:pull,push`).replaceAll(
    ",scope",
    "&scope",
  );
const tokens: Row = () => [
  { path: `/token?service=berth&${scopes(100)}` },
  { path: `/token?service=berth&${scopes(900)}` },
  { path: `/token?service=berth&scope=${"a:".repeat(20_000)}` },
];
const tokenForms: Row = () => {
  const form = { "Content-Type": "application/x-www-form-urlencoded" };
  const login = "service=berth&client_id=a&grant_type=password&username=mia&password=wrong";
  return [
    { path: "/token", headers: form, body: `${login}&${scopes(100)}` },
    { path: "/token", headers: form, body: `${login}&${"a=b&".repeat(15_000)}` },
    { path: "/token", headers: form, body: "%41".repeat(20_000) },
  ];
};

const patterns = [
  "(([a-z]|[0-9]|-){1,60}){1,8}",
  "(a?){100}a{100}",
  "((a|b|c|d)*x)*",
  ".*.*.*.*.*.*=",
];
const immutable = withBody(
  { immutable_tags: true, immutable_tags_rules: patterns.slice(1) },
  { immutable_tags: true, immutable_tags_rules: Array(100).fill("a") },
);
const verified = withBody(...patterns.map((regex) => ({ regex })));

const views: Row = (world, route) =>
  ["z-index-1", "z-long", "one", "config-first", "configs-first", "configs-second"].map((tag) => ({
    path: pathOf(world, route).replace("z-index-1", tag),
  }));
const inspections: Row = (world, route) =>
  world.manifests.map((digest) => ({ path: pathOf({ ...world, subject: digest }, route) }));
const documents: Row = (world, route) =>
  world.referrers.flatMap((digest) => {
    const path = pathOf({ ...world, subject: digest }, route);
    const searched = `${path}?page_size=100&query=9&page=2`;
    return path.endsWith("/packages") ? [{ path: searched }] : [{ path }];
  });
const cookies: Row = (world, route) =>
  ["a=b; ".repeat(12_000), `berth=${"x".repeat(43)}; `.repeat(1_200)].map((Cookie) => ({
    path: pathOf(world, route),
    headers: { Cookie, Authorization: "" },
  }));
const comparisons: Row = () =>
  [
    "from=config-first&to=config-second",
    "from=configs-first&to=configs-second",
    "from=z-index-1&to=z-long",
    `from=one&to=one&platform=${"a/".repeat(127)}`,
  ].map((query) => ({ path: `/api/berth/v1/repositories/mia/big/-/diff?${query}` }));
const deletions = withBody(
  { matching: ".*", dry_run: true },
  { matching: ".*", filter: "z", os: ["linux"], architecture: ["amd64"], dry_run: true },
  { matching: "(([a-z]|[0-9]|-){1,60}){1,8}", unused_for: 0, keep: 1, dry_run: true },
  { tags: Array.from({ length: 1_000 }, (_, at) => `z-index-${at}`), dry_run: true },
  { tags: ["config-first", "configs-first", "z-long"], dry_run: true },
);
const retentions = withBody(
  { rules: [{ keep_newest: 1 }], delete_untagged_after: 1 },
  { rules: [{ keep_newest: 50_000, keep_pulled_within: 1 }] },
  { rules: [{ keep_signed: true }] },
  {
    rules: Array.from({ length: 20 }, (_, at) => ({
      ...{ tags: "(([a-z]|[0-9]|-){1,3}){1,3}.*", except: `x${at}`, keep_newest: at + 1 },
    })),
  },
  { rules: [{ semver: ">=1.2 <2 || ".repeat(20) + "3", keep_pushed_within: 1 }] },
);
const once: Row = (world, route) => [{ path: pathOf(world, route) }];
const uploads: Row = (world, route) => [
  { path: `${pathOf(world, route)}?${list(4_000, (at) => `k${at}=v`).replaceAll(",", "&")}` },
  { path: pathOf(world, route), headers: { "Content-Range": "9".repeat(50_000) } },
];

/**
 * Routes whose worst requests do not follow from their schemas. The routes of the OCI specification have no schemas, so
 * that each needs an entry here; otherwise `bounds.test.ts` fails.
 */
export const special: Readonly<Record<string, Row>> = {
  "PUT /v2/*name/manifests/:reference": manifests,
  "GET /v2/*name/manifests/:reference": conditions,
  "GET /v2/*name/blobs/:digest": ranges,
  "GET /v2/*name/tags/list": lists,
  "GET /v2/_catalog": lists,
  "GET /v2/*name/referrers/:digest": referrers,
  "GET /token": tokens,
  "POST /token": tokenForms,
  "DELETE /v2/*name/manifests/:reference": once,
  "DELETE /v2/*name/blobs/:digest": once,
  "POST /v2/*name/blobs/uploads": uploads,
  "POST /v2/*name/blobs/uploads/": uploads,
  "PATCH /v2/*name/blobs/uploads/:id": uploads,
  "PUT /v2/*name/blobs/uploads/:id": uploads,
  "GET /v2/*name/blobs/uploads/:id": uploads,
  "DELETE /v2/*name/blobs/uploads/:id": uploads,
  "GET /v2": once,
  "GET /v2/": once,
  "GET /healthz": once,
  "GET /readyz": once,
  "GET /metrics": once,
  "GET /openapi.json": once,
  "GET /.well-known/jwks.json": once,
  "GET /v2/auditlogs/:account": logs,
  "GET /api/berth/v1/admin/audit": wholeLog,
  "GET /api/berth/v1/search": searches,
  "GET /api/berth/v1/session": (world, route) => [...usual(world, route), ...cookies(world, route)],
  "GET /api/berth/v1/repositories/*repository/-/activity": activities,
  "GET /api/berth/v1/repositories/*repository/-/diff": comparisons,
  "GET /api/berth/v1/repositories/*repository/-/manifests/:digest": inspections,
  "GET /api/berth/v1/repositories/*repository/-/manifests/:digest/sharing": (world, route) => [
    { path: pathOf(world, route) },
    ...inspections(world, route),
  ],
  "GET /api/berth/v1/repositories/*repository/-/manifests/:digest/contents": documents,
  "GET /api/berth/v1/repositories/*repository/-/manifests/:digest/packages": documents,
  "GET /api/berth/v1/repositories/*repository/-/tags/:tag/history": histories,
  "GET /api/berth/v1/repositories/*repository/-/tags": tagLists,
  "POST /api/berth/v1/repositories/*repository/-/tag-deletions": deletions,
  "POST /api/berth/v1/repositories/*repository/-/retention/plan": retentions,
  "GET /api/berth/v1/repositories/*repository/-/tags/:tag": (world, route) =>
    views(world, route).flatMap((view) => [view, { path: `${view.path}?frees=true` }]),
  ...ofRepository("GET", "/tags/:tag", views),
  ...ofRepository("GET", "/tags/:tag/images", views),
  ...ofRepository("PATCH", "/immutabletags", immutable),
  ...ofRepository("POST", "/immutabletags/verify", verified),
};

/** Both of Docker Hub's paths for a repository. */
function ofRepository(method: string, rest: string, row: Row): Record<string, Row> {
  return {
    [`${method} /v2/namespaces/:namespace/repositories/:repository${rest}`]: row,
    [`${method} /v2/repositories/:namespace/:repository${rest}`]: row,
  };
}

export const worstRequests = (world: World, route: Route): readonly WorstRequest[] =>
  (special[keyOf(route)] ?? usual)(world, route);
