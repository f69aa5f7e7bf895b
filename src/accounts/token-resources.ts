import type { TokenResource } from "../database/accounts/access-tokens.ts";

/** Scopes per resource type of an organisation's token, as in the Hub API. */
const scopesOf: Readonly<Record<TokenResource["type"], readonly string[]>> = {
  TYPE_REPO: [
    "scope-image-pull",
    "scope-image-push",
    "scope-image-delete",
    "scope-repository-read",
    "scope-repository-edit",
    "scope-repository-admin",
    "scope-tag-read",
    "scope-tag-admin",
    "scope-webhook-read",
    "scope-webhook-edit",
    "scope-webhook-admin",
    "scope-repo-group-read",
    "scope-repo-group-edit",
    "scope-repo-group-admin",
    "scope-repository-settings-admin",
  ],
  TYPE_ORG: [
    "scope-member-read",
    "scope-member-edit",
    "scope-invite-read",
    "scope-invite-edit",
    "scope-group-read",
    "scope-group-edit",
    "scope-activity-read",
    "scope-report-read",
    "scope-repository-create",
    "scope-repository-list",
    "scope-registry-usage-read",
  ],
};

/** Every public repository; any token may pull from it. */
const everythingPublic = "*/*/public";
const maxResources = 50;
const maxPathLength = 255;

/** The problem of the resources of an organisation's token as a message; `undefined` if they are valid. */
export function checkResources(
  organisation: string,
  resources: readonly TokenResource[],
): string | undefined {
  if (resources.length === 0 || resources.length > maxResources)
    return `an organisation's token has from 1 to ${maxResources} resources`;
  for (const { type, path, scopes } of resources) {
    const isOwn =
      type === "TYPE_ORG"
        ? path === organisation
        : (path.startsWith(`${organisation}/`) && path.length <= maxPathLength) ||
          path === everythingPublic;
    if (!isOwn)
      return `${path} is not in ${organisation}: write ${organisation}/REPOSITORY or ${organisation}/*`;
    const allowed = scopesOf[type];
    const foreign = scopes.find((scope) => !allowed.includes(scope));
    if (foreign !== undefined) return `${path} can't have ${foreign}, only ${allowed.join(", ")}`;
    if (scopes.length === 0) return `${path} has no scopes`;
  }
  return undefined;
}
