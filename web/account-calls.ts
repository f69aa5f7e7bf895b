import { api } from "./addresses.ts";

/* The API calls of the pages of accounts and of the signed-in user. The server uses them, too: see `first-calls.ts`. */

/** Rows on one page of a list. */
export const listPageSize = 25;
export const pageIn = (query: URLSearchParams): number =>
  Math.max(1, Math.trunc(Number(query.get("page") ?? "1")) || 1);

/** A list with a number of a page and the parameters of its address that the API takes as they are. */
export function listCall(path: string, query: URLSearchParams, taken: readonly string[]): string {
  const asked = new URLSearchParams();
  for (const key of taken) {
    const value = query.get(key);
    if (value) asked.set(key, value);
  }
  asked.set("page", String(pageIn(query)));
  asked.set("page_size", String(listPageSize));
  return `${path}?${asked.toString()}`;
}

export const profileCall = `${api}/user`;
export const passwordCall = `${api}/user/password`;
export const browserSessionsCall = `${api}/sessions`;
export const ownInvitesCall = "/v2/user/invites";
export const tokensPath = "/v2/access-tokens";
export const ownTokensCall = (query: URLSearchParams): string => listCall(tokensPath, query, []);

export const namespaceCall = (name: string): string =>
  `${api}/namespaces/${encodeURIComponent(name)}`;
export const usageCall = (name: string): string => `${namespaceCall(name)}/sizes`;
/** The first repositories by name. */
export const firstRepositoriesCall = (namespace: string, rows: number): string =>
  `${api}/repositories?namespace=${encodeURIComponent(namespace)}&page_size=${rows}`;
export const repositoriesPath = (namespace: string): string =>
  `/v2/namespaces/${encodeURIComponent(namespace)}/repositories`;
/** The repositories of the account page, with its search and order. */
export const repositoriesCall = (namespace: string, query: URLSearchParams): string =>
  listCall(repositoriesPath(namespace), query, ["name", "is_private", "ordering"]);

export const organisationPath = (organisation: string, suffix: string): string =>
  `/v2/orgs/${encodeURIComponent(organisation)}${suffix}`;
export const changeOrganisationPath = (organisation: string): string =>
  `${api}/organisations/${encodeURIComponent(organisation)}`;
export const membersCall = (organisation: string, query: URLSearchParams): string =>
  listCall(organisationPath(organisation, "/members"), query, ["search", "role"]);
export const teamsCall = (organisation: string, query: URLSearchParams): string =>
  listCall(organisationPath(organisation, "/groups"), query, ["search"]);
export const teamPath = (organisation: string, team: string, suffix = ""): string =>
  organisationPath(organisation, `/groups/${encodeURIComponent(team)}${suffix}`);
export const teamMembersCall = (
  organisation: string,
  team: string,
  query: URLSearchParams,
): string => listCall(teamPath(organisation, team, "/members"), query, ["search"]);
/** `last`: the last name of the previous page. */
export const teamRepositoriesCall = (
  organisation: string,
  team: string,
  last: string | null,
): string =>
  `${api}/organisations/${encodeURIComponent(organisation)}/teams/${encodeURIComponent(team)}/repositories?page_size=${listPageSize}${last === null ? "" : `&last=${encodeURIComponent(last)}`}`;
export const invitesCall = (organisation: string): string =>
  organisationPath(organisation, "/invites");
export const organisationTokensCall = (organisation: string, query: URLSearchParams): string =>
  listCall(organisationPath(organisation, "/access-tokens"), query, []);
export const auditPath = (account: string, suffix = ""): string =>
  `/v2/auditlogs/${encodeURIComponent(account)}${suffix}`;
/** A day of the address is a day of the browser; the API takes times. `to` is inclusive in the address. */
export function dayRange(query: URLSearchParams): URLSearchParams {
  const asked = new URLSearchParams(query);
  for (const [key, days] of [
    ["from", 0],
    ["to", 1],
  ] as const) {
    const day = new Date(`${query.get(key) ?? ""}T00:00:00`);
    if (Number.isNaN(day.getTime())) asked.delete(key);
    else asked.set(key, new Date(day.setDate(day.getDate() + days)).toISOString());
  }
  return asked;
}
export const auditCall = (account: string, query: URLSearchParams): string =>
  listCall(auditPath(account), dayRange(query), ["action", "name", "actor", "from", "to"]);
