import type { RepositoryRole } from "../accounts/schema.ts";

/*
 * The permissions of the Hub-shaped API: the role that a user needs, and the scopes that an organisation's access token
 * needs.
 */

/** The permissions on a repository; {@link repositoryPermissions} has the rule of each. */
export type RepositoryPermission = keyof typeof repositoryPermissions;
export type OrganisationPermission = keyof typeof organisationPermissions;

export interface RepositoryRule {
  /** `public`: every client if the repository is public, otherwise a principal that may read it. */
  readonly role: "public" | RepositoryRole;
  /** Scopes of an organisation's access token; one of them is enough. */
  readonly scopes: readonly string[];
}

const images = ["scope-image-pull", "scope-image-push", "scope-image-delete"];
const repositoryScopes = [
  "scope-repository-read",
  "scope-repository-edit",
  "scope-repository-admin",
];
const tagScopes = ["scope-tag-read", "scope-tag-admin"];
const teamScopes = ["scope-repo-group-edit", "scope-repo-group-admin"];
const settings = "scope-repository-settings-admin";

export const repositoryPermissions = {
  see: { role: "public", scopes: [...images, ...repositoryScopes, ...tagScopes] },
  "see tags": { role: "public", scopes: [...images, ...repositoryScopes, ...tagScopes] },
  // Environment, commands and labels of images. They come from the configs, which a pull would also return.
  "see contents": { role: "public", scopes: images },
  describe: { role: "admin", scopes: ["scope-repository-edit", "scope-repository-admin"] },
  remove: { role: "admin", scopes: ["scope-repository-admin"] },
  "move tags": { role: "write", scopes: ["scope-image-push", "scope-image-delete"] },
  "delete tags": { role: "admin", scopes: ["scope-tag-admin", "scope-image-delete"] },
  "fix tags": { role: "admin", scopes: [settings, "scope-repository-admin"] },
  // Its rules delete tags and manifests.
  "set retention": { role: "admin", scopes: ["scope-repository-admin"] },
  "see teams": { role: "admin", scopes: ["scope-repo-group-read", ...teamScopes] },
  "admit teams": { role: "admin", scopes: teamScopes },
  // Names of users: an access token of an organisation does not need them.
  "see access": { role: "admin", scopes: [] },
  "change access": { role: "admin", scopes: [] },
  // A webhook sends names of users to an address of its maker: an access token of an organisation may make none.
  "manage webhooks": { role: "admin", scopes: [] },
} as const satisfies Readonly<Record<string, RepositoryRule>>;

export interface OrganisationRule {
  readonly role: "member" | "owner";
  readonly scopes: readonly string[];
  readonly password?: true;
}

export const organisationPermissions = {
  "see members": { role: "member", scopes: ["scope-member-read", "scope-member-edit"] },
  "change members": { role: "owner", scopes: ["scope-member-edit"] },
  "see teams": { role: "member", scopes: ["scope-group-read", "scope-group-edit"] },
  "change teams": { role: "owner", scopes: ["scope-group-edit"] },
  "see invites": { role: "owner", scopes: ["scope-invite-read", "scope-invite-edit"] },
  invite: { role: "owner", scopes: ["scope-invite-edit"] },
  "change settings": { role: "owner", scopes: [] },
  "make tokens": { role: "owner", scopes: [], password: true },
} as const satisfies Readonly<Record<string, OrganisationRule>>;
