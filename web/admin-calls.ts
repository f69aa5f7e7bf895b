import { dayRange, listCall, listPageSize } from "./account-calls.ts";
import { api, type PageName } from "./addresses.ts";

/* The API calls of the administration pages. The server uses them, too: see `first-calls.ts`. */

export const adminPath = `${api}/admin`;
export const overviewCall = `${adminPath}/overview`;
export const collectionCall = `${adminPath}/gc`;
export const scrubCall = `${adminPath}/scrub`;
export const keysCall = `${adminPath}/keys`;
export const webhooksCall = `${adminPath}/webhooks`;
export const newestJobsCall = `${adminPath}/jobs?page=1&page_size=5`;

export const usersCall = (query: URLSearchParams): string =>
  listCall(`${adminPath}/users`, query, ["search"]);
export const userPath = (name: string, suffix = ""): string =>
  `${adminPath}/users/${encodeURIComponent(name)}${suffix}`;
export const organisationsCall = (query: URLSearchParams): string =>
  listCall(`${adminPath}/organisations`, query, ["search"]);
export const adminOrganisationPath = (name: string): string =>
  `${adminPath}/organisations/${encodeURIComponent(name)}`;
export const quotasCall = (query: URLSearchParams): string =>
  listCall(`${adminPath}/quotas`, query, []);
export const quotaPath = (namespace: string): string =>
  `${adminPath}/quotas/${encodeURIComponent(namespace)}`;
export const jobsCall = (query: URLSearchParams): string =>
  listCall(`${adminPath}/jobs`, query, ["kind"]);
export const jobPath = (id: string): string => `${adminPath}/jobs/${encodeURIComponent(id)}`;
export const openUploadsCall = `${adminPath}/uploads?page=1&page_size=100`;
export const uploadPath = (id: string): string => `${adminPath}/uploads/${encodeURIComponent(id)}`;

/** The log has no numbered pages: `page` in the address is the position where the page before ends. */
export function adminAuditCall(query: URLSearchParams): string {
  const asked = new URLSearchParams({ page_size: String(listPageSize) });
  const days = dayRange(query);
  for (const key of ["account", "actor", "action", "from", "to"]) {
    const value = days.get(key);
    if (value) asked.set(key, value);
  }
  const last = query.get("page");
  if (last) asked.set("last", last);
  return `${adminPath}/audit?${asked.toString()}`;
}

const firstCallOf: Partial<Record<PageName, (query: URLSearchParams) => string>> = {
  adminUsers: usersCall,
  adminOrganisations: organisationsCall,
  adminStorage: quotasCall,
  adminCollector: () => scrubCall,
  adminAudit: adminAuditCall,
  adminKeys: () => keysCall,
  adminUploads: jobsCall,
  adminWebhooks: () => webhooksCall,
};

/** The first call of a page; its rejection is the status of the HTML. */
export const adminCalls = (page: PageName, query: URLSearchParams): readonly string[] => [
  firstCallOf[page]?.(query) ?? newestJobsCall,
];
