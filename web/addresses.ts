/* The addresses of the pages, and the API calls of the pages of repositories. The server uses them, too. */

/** Root of Berth's own API. */
export const api = "/api/berth/v1";

/** Path of each page. Pages of one noun share a script: `fileOf`. */
const patterns = {
  home: "/",
  explore: "/search",
  welcome: "/welcome",
  signIn: "/sign-in",
  newRepository: "/new",
  mirrors: "/mirrors",
  mirror: "/mirrors/:namespace",
  profile: "/settings/profile",
  password: "/settings/password",
  sessions: "/settings/sessions",
  tokens: "/settings/tokens",
  admin: "/admin",
  adminUsers: "/admin/users",
  adminOrganisations: "/admin/organisations",
  adminStorage: "/admin/storage",
  adminCollector: "/admin/collector",
  adminAudit: "/admin/audit",
  adminKeys: "/admin/keys",
  adminUploads: "/admin/uploads",
  adminWebhooks: "/admin/webhooks",
  account: "/u/:account",
  accountMembers: "/u/:account/-/members",
  accountTeams: "/u/:account/-/teams",
  accountTeam: "/u/:account/-/teams/:team",
  accountInvites: "/u/:account/-/invites",
  accountTokens: "/u/:account/-/tokens",
  accountAudit: "/u/:account/-/audit",
  accountSettings: "/u/:account/-/settings",
  history: "/r/*name/-/tags/:tag/history",
  tagReferrers: "/r/*name/-/tags/:tag/referrers",
  tagManifest: "/r/*name/-/tags/:tag/manifest",
  tag: "/r/*name/-/tags/:tag",
  tags: "/r/*name/-/tags",
  digest: "/r/*name/-/digests/:digest",
  compare: "/r/*name/-/compare/:range",
  compareStart: "/r/*name/-/compare",
  activity: "/r/*name/-/activity",
  access: "/r/*name/-/access",
  repositorySettings: "/r/*name/-/settings",
  repository: "/r/*name",
} as const;

export type PageName = keyof typeof patterns;

/** The path of a page without parameters. */
export const pageAddress = (page: PageName): string => patterns[page];

/** The file in `web/pages` that shows a page, without its ending. */
export const fileOf = (page: PageName): string =>
  files[page] ?? page.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Files that show several pages, or have another name. */
const files: Partial<Record<PageName, string>> = {
  newRepository: "new",
  mirror: "mirrors",
  profile: "settings",
  password: "settings",
  sessions: "settings",
  accountMembers: "members",
  accountTeams: "teams",
  accountTeam: "teams",
  accountInvites: "invites",
  accountTokens: "organisation-tokens",
  accountAudit: "audit",
  accountSettings: "organisation-settings",
  tagReferrers: "referrers",
  tagManifest: "manifest",
  compareStart: "compare",
};

export interface Address {
  readonly page: PageName;
  readonly params: Readonly<Record<string, string>>;
}

const matchers = Object.entries(patterns).map(([page, pattern]) => ({
  page: page as PageName,
  expression: new RegExp(
    `^${pattern.replace(/\*(\w+)/g, "(?<$1>.+?)").replace(/:(\w+)/g, "(?<$1>[^/]+)")}/?$`,
  ),
}));

/** The page at a path; `undefined` if the path is not the address of a page. */
export function pageAt(path: string): Address | undefined {
  for (const { page, expression } of matchers) {
    const found = expression.exec(path);
    if (found === null) continue;
    try {
      const groups = Object.entries(found.groups ?? {});
      const params = Object.fromEntries(
        groups.map(([key, text]) => [key, decodeURIComponent(text)]),
      );
      const { name } = params;
      return name === undefined || isName(name) ? { page, params } : undefined;
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/** Repository names have no component `-`: it ends the name in a path. */
const isName = (name: string): boolean =>
  name.split("/").every((part) => /^[a-z0-9][a-z0-9._-]*$/.test(part));

/** `alpine` is the repository `library/alpine`. */
export const fullName = (name: string): string => (name.includes("/") ? name : `library/${name}`);
export const shortName = (name: string): string => name.replace(/^library\/(?=[^/]+$)/, "");

/** Path of the API for a repository: `suffix` begins with `/-/`, or is empty. */
export const repositoryCall = (name: string, suffix = ""): string =>
  `${api}/repositories/${fullName(name)}${suffix}`;
export const tagCall = (name: string, tag: string, suffix = ""): string =>
  repositoryCall(name, `/-/tags/${encodeURIComponent(tag)}${suffix}`);
/** The same repository in the Hub-shaped API. */
export function hubCall(name: string, suffix = ""): string {
  const [namespace = "", ...rest] = fullName(name).split("/");
  return `/v2/namespaces/${namespace}/repositories/${encodeURIComponent(rest.join("/"))}${suffix}`;
}
export const sessionCall = `${api}/session`;

export const repositoryAddress = (name: string, suffix = ""): string =>
  `/r/${shortName(name)}${suffix}`;
export const tagAddress = (name: string, tag: string, suffix = ""): string =>
  repositoryAddress(name, `/-/tags/${encodeURIComponent(tag)}${suffix}`);
export const digestAddress = (name: string, digest: string): string =>
  repositoryAddress(name, `/-/digests/${digest}`);

/** The parameters of the explore page that the search takes as they are. */
const searchParameters = ["os", "architecture", "os_version", "type", "where", "namespace"];
export const searchPageSize = 25;

/** The search of the explore page for the parameters in its address. */
export function searchCall(query: URLSearchParams): string {
  const asked = new URLSearchParams({ query: query.get("q") ?? "" });
  for (const key of searchParameters) {
    const values = query.getAll(key);
    if (values.length > 0) asked.set(key, values.join(","));
  }
  if (query.get("official") === "true") asked.set("is_official", "true");
  asked.set("sort", query.get("sort") ?? "suggested");
  asked.set("page", query.get("page") ?? "1");
  asked.set("page_size", String(searchPageSize));
  asked.set("facets", "true");
  return `${api}/search?${asked.toString()}`;
}

export const tagsPageSize = 50;

/** One page of the tag list for the parameters in the address of the tags page. */
export function tagListCall(name: string, query: URLSearchParams, page = 1): string {
  const order = query.get("order") ?? "-updated";
  const direction = order.startsWith("-") ? "desc" : "asc";
  const asked = new URLSearchParams({ order: order.replace("-", ""), direction });
  for (const key of ["filter", "os", "architecture", "unused_for"]) {
    const value = query.get(key);
    if (value) asked.set(key, value);
  }
  asked.set("page", String(page));
  asked.set("page_size", String(tagsPageSize));
  return repositoryCall(name, `/-/tags?${asked.toString()}`);
}

/** The filter of a tag list, as a deletion of tags takes it. */
export interface TagFilterOfList {
  readonly filter: string;
  readonly os: readonly string[];
  readonly architecture: readonly string[];
  readonly unused_for?: number;
}

/** The filter in the address of the tags page. */
export function tagFilterIn(query: URLSearchParams): TagFilterOfList {
  const words = (key: string) => (query.get(key) ?? "").split(",").filter((word) => word !== "");
  const unused = query.get("unused_for");
  return {
    ...{ filter: query.get("filter") ?? "", os: words("os"), architecture: words("architecture") },
    ...(unused === null ? {} : { unused_for: Number(unused) }),
  };
}

export const newestTagsCall = (name: string): string =>
  repositoryCall(name, "/-/tags?order=updated&page=1&page_size=5");
/** The last moves of a tag. */
export const historyCall = (name: string, tag: string): string =>
  tagCall(name, tag, "/history?page_size=4");
export const recentCall = `${api}/search?sort=updated_at&page_size=8`;
export const popularCall = `${api}/search?sort=pull_count&page_size=8`;

/**
 * The address of a page of Docker Hub, or of an image reference in the path, as an address of Berth; `undefined` if it
 * is neither. `/r/NAME/tags` is ambiguous, because a repository can have this name: the caller decides.
 */
export function redirectAt(path: string): string | undefined {
  const official = /^\/_\/([^/]+)\/?$/.exec(path);
  if (official !== null) return `/r/${official[1]}`;
  const tags = /^\/(?:r|_)\/(.+?)\/tags(?:\/list)?\/?$/.exec(path);
  if (tags !== null && !path.includes("/-/")) return `/r/${tags[1]}/-/tags`;
  const layers = /^\/layers\/(.+?)\/([^/]+)\/images\/[^/]+\/?$/.exec(path);
  if (layers !== null) return tagAddress(layers[1] ?? "", layers[2] ?? "");
  const hubAddress = /^\/repository\/docker\/(.+?)(?:\/(?:general|tags))?\/?$/.exec(path);
  if (hubAddress !== null) return `/r/${hubAddress[1]}`;
  return referenceAddress(path.slice(1));
}

const reservedStarts = new Set(
  "v1 v2 api assets token healthz readyz metrics openapi.json .well-known r u _ admin settings mirrors".split(
    " ",
  ),
);

/** The page of an image reference with a tag or a digest: `team/app:1.4`, `alpine@sha256:…`. */
export function referenceAddress(reference: string): string | undefined {
  const found =
    /^(?<name>[a-z0-9][a-z0-9._/-]*?)(?::(?<tag>[\w][\w.-]{0,127}))?(?:@(?<digest>sha\d+:[0-9a-f]+))?$/.exec(
      reference,
    );
  const { name, tag, digest } = found?.groups ?? {};
  if (name === undefined || !isName(name) || (tag === undefined && digest === undefined))
    return undefined;
  if (reservedStarts.has(name.split("/")[0] ?? "")) return undefined;
  return digest === undefined ? tagAddress(name, tag ?? "") : digestAddress(name, digest);
}
