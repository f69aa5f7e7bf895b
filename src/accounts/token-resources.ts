import type { TokenResource } from "../database/accounts/access-tokens.ts";

/** What a resource of an organisation's token may say, as the Hub API has it. */
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

/** Every public repository, which any token may pull from. */
const everythingPublic = "*/*/public";
const maxResources = 50;
const maxPathLength = 255;

/** What is wrong with the resources of a token of the organisation; `undefined` if nothing is. */
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
