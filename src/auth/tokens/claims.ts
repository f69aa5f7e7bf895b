import { parseRepositoryName, type RepositoryName } from "../../oci/name.ts";
import type { GrantedActions, Grant } from "../principal.ts";
import type { Principal } from "../../database/permissions/identity.ts";
import type { Action } from "../../database/permissions/repository-rules.ts";

/** The claims of a token with a verified signature. */
export interface TokenClaims {
  readonly grant: Grant;
  readonly expiresAtMs: number;
}

const actions: readonly Action[] = ["pull", "push", "delete"];

/** Returns `undefined` if a claim is missing that every token of Berth has. */
export function parseTokenClaims(payload: unknown): TokenClaims | undefined {
  if (!isObject(payload)) return undefined;
  const { exp, nbf, access, berth } = payload;
  if (
    typeof exp !== "number" ||
    typeof nbf !== "number" ||
    !Array.isArray(access) ||
    !isObject(berth)
  )
    return undefined;
  const { identity: principal, removals, absent } = berth;
  if (!isPrincipal(principal) || typeof removals !== "number" || !Array.isArray(absent))
    return undefined;
  const grant: Grant = {
    principal,
    access: accessOf(access),
    catalog: access.some(
      (entry) => isObject(entry) && entry["type"] === "registry" && entry["name"] === "catalog",
    ),
    removals,
    absent: new Set(absent.map(parseRepositoryName)),
    live: false,
    expiresAtMs: exp * 1000,
  };
  return { grant, expiresAtMs: exp * 1000 };
}

/** By canonical name: a token for `alpine` is valid for `library/alpine`. */
function accessOf(entries: readonly unknown[]): GrantedActions {
  const access = new Map<RepositoryName, Set<Action>>();
  for (const entry of entries) {
    if (!isObject(entry) || entry["type"] !== "repository") continue;
    const { name, actions: granted } = entry;
    if (typeof name !== "string" || !Array.isArray(granted)) continue;
    const repository = parseRepositoryName(name);
    const held = access.get(repository) ?? new Set();
    for (const action of actions)
      if (granted.includes(action) || granted.includes("*")) held.add(action);
    access.set(repository, held);
  }
  return access;
}

function isPrincipal(value: unknown): value is Principal {
  if (!isObject(value)) return false;
  if (value["kind"] === "anonymous") return true;
  if (typeof value["accountId"] !== "number" || typeof value["name"] !== "string") return false;
  const { kind, by, accessToken } = value;
  if (kind === "organisation")
    return typeof accessToken === "string" && Array.isArray(value["resources"]);
  if (kind !== "user" || typeof value["isAdmin"] !== "boolean") return false;
  // A token without the credential kind is from an earlier version; its client requests a new one.
  return by === "password" || (by === "access-token" && typeof accessToken === "string");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
