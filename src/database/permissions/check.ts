import { sql } from "kysely";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { MemberRole } from "../accounts/schema.ts";
import type { Visibility } from "../registry/schema.ts";
import { prepared, type Placeholders } from "../prepared.ts";
import type { Db } from "../schema.ts";
import type { Actor, ClientAuthority } from "./authority.ts";
import {
  rankColumns,
  roleOfRanks,
  type RepositoryPermissionFacts,
  type RoleRanks,
} from "./facts.ts";
import { authorizeByFacts, type Decision, type HubFacts, type HubTarget } from "./hub-rules.ts";
import { principalNow, type CredentialRows, type TokenResource } from "./principal.ts";
import { actionsFor } from "./repository-rules.ts";

/** All rows that the permission rules need. */
interface PermissionFacts extends CredentialRows, HubFacts {
  /** Number of the last removal of a repository with the target's name; 0 if there was none. */
  readonly removal: number;
}

/** `null`: not asked for, so no row has it. */
interface Asked {
  readonly repository: RepositoryName | null;
  readonly namespace: string | null;
  readonly accountId: number | null;
  readonly accessToken: string | null;
}

/** Reads all facts in one statement. Every table is read by an index. */
const readRow = prepared((_db, asked: Placeholders<Asked>) => {
  const { ownRank, teamRank } = rankColumns(sql`repository.id`, sql`account.id`);
  return sql<Row>`
    SELECT account.id AS id, account.name AS name, account.kind AS kind, account.is_admin AS "isAdmin",
      account.disabled AS disabled, account.password_changed_at AS "passwordChangedAtMs",
      token.is_active AS "isActive", token.expires_at AS "expiresAtMs", token.scopes AS scopes,
      token.resources AS resources, home.kind AS home,
      (SELECT role FROM members WHERE organisation_id = home.id AND user_id = account.id) AS role,
      repository.visibility AS visibility, ${ownRank} AS "ownRank", ${teamRank} AS "teamRank",
      (SELECT sequence FROM repository_removals WHERE name = ${asked.repository}) AS removal
    FROM (SELECT 1) AS one_row
    LEFT JOIN accounts AS account ON account.id = ${asked.accountId}
    LEFT JOIN access_tokens AS token ON token.id = ${asked.accessToken} AND token.account_id = account.id
    LEFT JOIN accounts AS home ON home.name = ${asked.namespace}
    LEFT JOIN repositories AS repository ON repository.name = ${asked.repository}`;
});

interface Row extends RoleRanks {
  readonly id: number | null;
  readonly name: string;
  readonly kind: "user" | "organisation";
  readonly isAdmin: 0 | 1;
  readonly disabled: 0 | 1;
  readonly passwordChangedAtMs: number | null;
  readonly isActive: 0 | 1;
  readonly expiresAtMs: number | null;
  readonly scopes: string | null;
  readonly resources: string | null;
  readonly home: "user" | "organisation" | null;
  readonly role: MemberRole | null;
  readonly visibility: Visibility | null;
  readonly removal: number | null;
}

export function createPermissionReads(db: Db) {
  return {
    facts: (
      accountId: number | undefined,
      accessToken: string | undefined,
      target: HubTarget,
    ): Promise<PermissionFacts> => readFacts(db, { accountId, accessToken }, target),
  };
}

async function readFacts(
  db: Db,
  { accountId, accessToken }: Pick<ClientAuthority, "accountId" | "accessToken">,
  target: HubTarget,
): Promise<PermissionFacts> {
  const { repository } = target;
  const namespace = repository === undefined ? target.namespace : namespaceOf(repository);
  const row = await readRow.executeTakeFirstOrThrow(db, {
    repository: repository ?? null,
    namespace: namespace ?? null,
    accountId: accountId ?? null,
    accessToken: accessToken ?? null,
  });
  const account = accountOf(row);
  const role = row.role ?? undefined;
  const repositoryFacts: RepositoryPermissionFacts = {
    account,
    roles: new Map(role === undefined || namespace === undefined ? [] : [[namespace, role]]),
    repositories: new Map(
      repository === undefined || row.visibility === null
        ? []
        : [[repository, { visibility: row.visibility, role: roleOfRanks(row) }]],
    ),
  };
  return {
    account,
    token: tokenOf(row),
    repositoryFacts,
    role,
    home: row.home ?? undefined,
    removal: row.removal ?? 0,
  };
}

function accountOf(row: Row): CredentialRows["account"] {
  if (row.id === null) return undefined;
  const { id, name, kind, passwordChangedAtMs } = row;
  return {
    id,
    name,
    kind,
    passwordChangedAtMs,
    isAdmin: row.isAdmin === 1,
    disabled: row.disabled === 1,
  };
}

function tokenOf({ isActive, expiresAtMs, scopes, resources }: Row): CredentialRows["token"] {
  if (scopes === null) return undefined;
  return {
    isActive: isActive === 1,
    expiresAtMs,
    scopes: JSON.parse(scopes) as string[],
    resources: resources === null ? [] : (JSON.parse(resources) as TokenResource[]),
  };
}

/** The actor has not (or no longer) the permission for its command. The command has written nothing. */
export class NotAuthorizedError extends Error {
  override readonly name = "NotAuthorizedError";
  readonly code: string;
  readonly decision: Exclude<Decision, "allowed">;

  constructor(decision: Exclude<Decision, "allowed">) {
    super("the permission for this change was removed while it ran");
    this.decision = decision;
    // The error crosses threads and processes by its code, since its class is lost there.
    this.code = codes[decision];
  }
}

const codes = {
  login: "NOT_AUTHORIZED_LOGIN",
  unknown: "NOT_AUTHORIZED_UNKNOWN",
  forbidden: "NOT_AUTHORIZED_FORBIDDEN",
} as const;

/** The {@link NotAuthorizedError} of a code; `undefined` for another code. */
export function notAuthorizedOf(code: string): NotAuthorizedError | undefined {
  for (const decision of ["login", "unknown", "forbidden"] as const)
    if (codes[decision] === code) return new NotAuthorizedError(decision);
  return undefined;
}

/** Checks the authority of an actor on the rows of the transaction `tx`. Throws {@link NotAuthorizedError}. */
export async function demandAuthority(tx: Db, { authority }: Actor, nowMs: number): Promise<void> {
  if (authority.kind !== "client") return;
  const decision = await authorize(tx, authority, nowMs);
  if (decision !== "allowed") throw new NotAuthorizedError(decision);
}

/**
 * Whether an actor may pull from a repository that is not the target of its command: the source of a mount. Checked on
 * the rows of the transaction `tx`.
 */
export async function mayPullFrom(
  tx: Db,
  { authority }: Actor,
  repository: RepositoryName,
  nowMs: number,
): Promise<boolean> {
  if (authority.kind !== "client") return true;
  const permission = { of: "registry", actions: ["pull"] } as const;
  const decision = await authorize(tx, { ...authority, permission, target: { repository } }, nowMs);
  return decision === "allowed";
}

async function authorize(tx: Db, authority: ClientAuthority, nowMs: number): Promise<Decision> {
  const { accountId, permission, target, expiresAtMs = Infinity, removals = Infinity } = authority;
  if (expiresAtMs <= nowMs) return "login";
  const facts = await readFacts(tx, authority, target);
  const principal = accountId === undefined ? undefined : principalNow(facts, authority, nowMs);
  if (accountId !== undefined && principal === undefined) return "login";
  if (permission.of !== "registry") return authorizeByFacts(principal, permission, target, facts);
  const { repository } = target;
  if (repository === undefined || facts.removal > removals) return "forbidden";
  const held = actionsFor(
    principal ?? { kind: "anonymous" },
    facts.repositoryFacts,
    true,
  )(repository);
  return permission.actions.every((action) => held.has(action)) ? "allowed" : "forbidden";
}
