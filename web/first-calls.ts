import {
  browserSessionsCall,
  invitesCall,
  membersCall,
  namespaceCall,
  organisationTokensCall,
  ownInvitesCall,
  ownTokensCall,
  profileCall,
  repositoriesCall,
  teamMembersCall,
  teamPath,
  teamsCall,
} from "./account-calls.ts";
import {
  historyCall,
  hubCall,
  newestTagsCall,
  popularCall,
  recentCall,
  repositoryCall,
  searchCall,
  tagCall,
  tagListCall,
  type Address,
} from "./addresses.ts";
import { adminCalls } from "./admin-calls.ts";

/*
 * For the server only: it sends the answers of these calls with the HTML (`src/http/web/pages.ts`), so that the page has
 * its data at once. The page asks for the same URLs.
 */

/**
 * The API calls of the first view of a page. The first one decides the status of the HTML: an unknown repository is a
 * 404. Every answer is small; calls whose cost grows with the content are made after the first view.
 */
export function firstCalls({ page, params }: Address, query: URLSearchParams): readonly string[] {
  const { name, tag } = params;
  if (page === "home") return [recentCall, popularCall];
  if (page === "explore") return [searchCall(query)];
  if (page === "profile") return [profileCall, ownInvitesCall];
  if (page === "sessions") return [browserSessionsCall];
  if (page === "tokens") return [ownTokensCall(query)];
  if (page.startsWith("admin")) return adminCalls(page, query);
  if (page.startsWith("account")) return accountCalls(page, params, query);
  if (name === undefined) return [];
  if (page === "digest") return [repositoryCall(name, `/-/manifests/${params["digest"] ?? ""}`)];
  if (page === "history") return [tagCall(name, tag ?? "", "/history?page_size=50")];
  const repository = repositoryCall(name);
  if (page === "tag")
    return [tagCall(name, tag ?? ""), historyCall(name, tag ?? ""), repository, hubCall(name)];
  if (tag !== undefined) return [tagCall(name, tag), hubCall(name)];
  if (page === "repository") return [repository, newestTagsCall(name), hubCall(name)];
  if (page === "tags") return [repository, tagListCall(name, query), hubCall(name)];
  return [repository];
}

/** First the list that the page shows: the caller may see the account but not this list. */
function accountCalls(
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
