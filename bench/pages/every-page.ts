import { pushIndex, serviceImages, type Client } from "../../test/browser/support/content.ts";

/** Path of each page, and the selector of its first row. */
export type Pages = Readonly<Record<string, readonly [path: string, row: string]>>;

/** The three pages that all registries with pages have. */
export const commonPages = (repository: string, tag: string): Pages => ({
  explore: ["/search", ".results .name"],
  repository: [`/r/${repository}`, "tbody tr"],
  tag: [`/r/${repository}/-/tags/${tag}`, ".layers tbody tr, .moves li"],
});

/** A page without a list: all of its answers have arrived. */
const complete = "main:not(:has([aria-busy])) .card :is(dl, table, ul, form, p)";
const table = "main tbody tr";

/** The pages of a large registry, which `npm run seed` makes; see `bench/listing/names.ts` for its words. */
export function everyPage(repository: string, digest: string, isAdmin: boolean): Pages {
  const at = `/r/${repository}`;
  const namespace = repository.split("/")[0] ?? "";
  const orders = ["-updated", "updated", "-natural", "natural", "-size", "-pulls"];
  return {
    home: ["/", ".results .name"],
    "explore, all": ["/search", ".results .name"],
    "explore, 4,000 match, facets": ["/search?q=billing", ".facet .n:not(:empty)"],
    "explore, 100,000 match": ["/search?q=container", ".results .name"],
    "explore, filters": [
      "/search?q=billing&os=windows&architecture=amd64&type=image",
      ".facet .n:not(:empty)",
    ],
    "explore, page 400": ["/search?page=400", ".results .name"],
    "explore, most pulled": ["/search?sort=pull_count", ".results .name"],
    repository: [at, "tbody tr"],
    ...Object.fromEntries(
      orders.map((order) => [`tags ${order}`, [`${at}/-/tags?order=${order}`, table] as const]),
    ),
    "tags, filter 9.9": [`${at}/-/tags?filter=9.9`, table],
    "tags, not pulled for 90 days": [`${at}/-/tags?unused_for=90`, table],
    tag: [`${at}/-/tags/latest`, ".layers tbody tr"],
    manifest: [`${at}/-/tags/latest/manifest`, complete],
    referrers: [`${at}/-/tags/latest/referrers`, complete],
    history: [`${at}/-/tags/latest/history`, ".moves li"],
    digest: [`${at}/-/digests/${digest}`, complete],
    compare: [`${at}/-/compare/0.0.0...latest`, table],
    organisation: [`/u/${namespace}`, table],
    ...(isAdmin && adminPages(at, namespace)),
  };
}

const adminPages = (at: string, namespace: string): Pages => ({
  activity: [`${at}/-/activity`, "main .list li"],
  access: [`${at}/-/access`, complete],
  "repository settings": [`${at}/-/settings`, complete],
  "organisation, most pulled": [`/u/${namespace}?ordering=-pull_count`, table],
  "organisation, search": [`/u/${namespace}?name=n4242`, table],
  members: [`/u/${namespace}/-/members`, complete],
  teams: [`/u/${namespace}/-/teams`, complete],
  profile: ["/settings/profile", complete],
  sessions: ["/settings/sessions", table],
  admin: ["/admin", complete],
  "admin, users": ["/admin/users", table],
  "admin, organisations": ["/admin/organisations", table],
  "admin, storage": ["/admin/storage", complete],
  "admin, collector": ["/admin/collector", complete],
  "admin, audit log": ["/admin/audit", table],
  "admin, keys": ["/admin/keys", table],
  "admin, uploads": ["/admin/uploads", complete],
});

/** Pushes images, so that the repository has a history and two tags that differ. Resolves with a digest. */
export async function pushVersions(client: Client, repository: string): Promise<string> {
  await pushIndex(client, repository, "0.0.0", serviceImages("2.8.0", 0.001));
  await pushIndex(client, repository, "latest", serviceImages("2.8.0", 0.001));
  const { digest } = await pushIndex(client, repository, "latest", serviceImages("2.8.1", 0.001));
  return digest;
}
