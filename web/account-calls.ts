/* The API calls of the pages of accounts and of the signed-in user. The server asks them, too: see `addresses.ts`. */

/** Root of Berth's own API. */
export const root = "/api/berth/v1";

/** Rows on one page of a list. */
export const listPageSize = 25;
export const pageIn = (query: URLSearchParams): number =>
  Math.max(1, Math.trunc(Number(query.get("page") ?? "1")) || 1);

/** A list with a number of a page and the parameters of its address that the API takes as they are. */
function listCall(path: string, query: URLSearchParams, taken: readonly string[]): string {
  const asked = new URLSearchParams();
  for (const key of taken) {
    const value = query.get(key);
    if (value) asked.set(key, value);
  }
  asked.set("page", String(pageIn(query)));
  asked.set("page_size", String(listPageSize));
  return `${path}?${asked.toString()}`;
}

export const profileCall = `${root}/user`;
export const passwordCall = `${root}/user/password`;
export const browserSessionsCall = `${root}/sessions`;
export const ownInvitesCall = "/v2/user/invites";
export const tokensPath = "/v2/access-tokens";
export const ownTokensCall = (query: URLSearchParams): string => listCall(tokensPath, query, []);
/** The namespaces in which the user may create repositories. */
export const namespacesCall = "/v2/repositories/namespaces";

export const namespaceCall = (name: string): string =>
  `${root}/namespaces/${encodeURIComponent(name)}`;
export const repositoriesPath = (namespace: string): string =>
  `/v2/namespaces/${encodeURIComponent(namespace)}/repositories`;
/** The repositories of the account page, with its search and order. */
export const repositoriesCall = (namespace: string, query: URLSearchParams): string =>
  listCall(repositoriesPath(namespace), query, ["name", "ordering"]);

export const organisationPath = (organisation: string, suffix: string): string =>
  `/v2/orgs/${encodeURIComponent(organisation)}${suffix}`;
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
export const invitesCall = (organisation: string): string =>
  organisationPath(organisation, "/invites");
export const organisationTokensCall = (organisation: string, query: URLSearchParams): string =>
  listCall(organisationPath(organisation, "/access-tokens"), query, []);
/**
 * The API calls of the first view of a page of an account. The first one decides the status of the HTML: it is the list
 * that the page shows, because the caller may see the account but not this list.
 */
export function accountCalls(
  page: string,
  { account = "", team = "" }: Readonly<Record<string, string>>,
  query: URLSearchParams,
): readonly string[] {
  const namespace = namespaceCall(account);
  switch (page) {
    case "accountMembers":
      return [membersCall(account, query), namespace];
    case "accountTeams":
      return [teamsCall(account, query), namespace];
    case "accountTeam":
      return [teamPath(account, team), namespace, teamMembersCall(account, team, query)];
    case "accountInvites":
      return [invitesCall(account), namespace];
    case "accountTokens":
      return [organisationTokensCall(account, query), namespace];
    // The time zone of the browser decides which rows its list has.
    case "accountAudit":
    case "accountSettings":
      return [namespace];
    default:
      return [namespace, repositoriesCall(account, query)];
  }
}
