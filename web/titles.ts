import { shortName, type Address, type PageName } from "./addresses.ts";

/** The name of a page in the title of its window. */
export function titleAt({ page, params }: Address): string {
  const { name, tag, digest, account, namespace, team } = params;
  if (name !== undefined) {
    if (tag !== undefined) return `${shortName(name)}:${tag}`;
    if (digest !== undefined) return `${shortName(name)}@${digest.slice(0, 19)}`;
    return shortName(name);
  }
  if (team !== undefined) return `${account ?? ""}: ${team}`;
  return account ?? namespace ?? titles[page] ?? "";
}

const titles: Partial<Record<PageName, string>> = {
  explore: "Search",
  welcome: "First steps",
  signIn: "Sign in",
  newRepository: "New repository",
  mirrors: "Mirrors",
  profile: "Profile",
  password: "Password",
  sessions: "Sessions",
  tokens: "Access tokens",
  admin: "Administration",
  adminUsers: "Users",
  adminOrganisations: "Organisations",
  adminStorage: "Storage",
  adminCollector: "Garbage collection",
  adminAudit: "Audit log",
  adminKeys: "Signing keys",
  adminUploads: "Uploads",
  adminWebhooks: "Webhooks",
};
