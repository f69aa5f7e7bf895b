import {
  adminMemberListSchema,
  adminMemberSchema,
  adminOrganisationSchema,
  adminTokenSchema,
  adminUserSchema,
  adminAuditSchema,
  changedUserSchema,
  issuedTokenSchema,
} from "../../api/administration.ts";
import { teamRepositorySchema } from "../../api/access.ts";
import { userSchema, namespaceSchema } from "../../api/accounts.ts";
import { pageSchema } from "../../api/fields.ts";
import { teamMemberAddedSchema, teamSchema } from "../../api/organisations.ts";
import { teamPermissionSchema } from "../../api/repositories.ts";
import type { AuditEntry } from "../../database/events/audit.ts";
import type { AdministeredAccounts, ListedAudit, TeamName } from "./administered.ts";
import type { Remote } from "./remote.ts";

/** The accounts of a running server, by its API. The errors are those of the server, with the same messages. */
export function remoteAccounts(remote: Remote): AdministeredAccounts {
  return {
    users: remoteUsers(remote),
    organisations: remoteOrganisations(remote),
    teams: remoteTeams(remote),
    accessTokens: remoteTokens(remote),
    audit: { list: (query) => listAudit(remote, query) },
  };
}

const msOf = (time: string): number => Date.parse(time);
const msOrNull = (time: string | null): number | null => (time === null ? null : msOf(time));
const at = (name: string): string => encodeURIComponent(name);

function remoteUsers(remote: Remote): AdministeredAccounts["users"] {
  const path = "/admin/users";
  const patch = async (name: string, body: object): Promise<boolean> =>
    (await remote.patch(changedUserSchema, `${path}/${at(name)}`, body)).changed;
  return {
    async add(user) {
      await remote.post(adminUserSchema, path, {
        username: user.name,
        password: user.password,
        full_name: user.fullName,
        email: user.email,
        is_admin: user.isAdmin,
        take_over: user.takeOver,
      });
    },
    async *list() {
      for await (const user of remote.items(pageSchema(adminUserSchema), path))
        yield {
          name: user.username,
          fullName: user.full_name,
          email: user.email,
          isAdmin: user.is_admin,
          disabled: user.is_disabled,
          createdAtMs: msOf(user.created_at),
        };
    },
    setDisabled: (name, disabled) => patch(name, { is_disabled: disabled }),
    setAdmin: (name, isAdmin) => patch(name, { is_admin: isAdmin }),
    setPassword: (name, password) => remote.send(`${path}/${at(name)}/password`, { password }),
    delete: (name) => remote.delete(`${path}/${at(name)}`),
  };
}

function remoteOrganisations(remote: Remote): AdministeredAccounts["organisations"] {
  const path = "/admin/organisations";
  const member = adminMemberSchema.omit({ since: true });
  return {
    async add({ name, fullName, owner, takeOver }) {
      const body = { name, full_name: fullName, owner, take_over: takeOver };
      await remote.post(namespaceSchema, "/organisations", body);
    },
    async *list() {
      for await (const one of remote.items(pageSchema(adminOrganisationSchema), path))
        yield { name: one.name, fullName: one.full_name, createdAtMs: msOf(one.created_at) };
    },
    delete: (name) => remote.delete(`/organisations/${at(name)}`),
    async *members(organisation) {
      for (let last: string | undefined; ;) {
        const query = { page_size: 100, last };
        const members = `${path}/${at(organisation)}/members`;
        const page = await remote.get(adminMemberListSchema, members, query);
        for (const { username, role, since } of page.results)
          yield { name: username, role, sinceMs: msOf(since) };
        if (page.last === null) return;
        last = page.last;
      }
    },
    async addMember(organisation, user, role) {
      await remote.put(member, `${path}/${at(organisation)}/members/${at(user)}`, { role });
      return "changed";
    },
    async changeRole(organisation, user, role) {
      const body = { role };
      await remote.put(anyAnswer, `/v2/orgs/${at(organisation)}/members/${at(user)}`, body);
      return "changed";
    },
    removeMember: (organisation, user) =>
      remote.delete(`/v2/orgs/${at(organisation)}/members/${at(user)}`),
  };
}

/** The answer is not needed. */
const anyAnswer = { parse: (value: unknown): unknown => value };

function remoteTeams(remote: Remote): AdministeredAccounts["teams"] {
  const teamsOf = (organisation: string): string => `/v2/orgs/${at(organisation)}/groups`;
  const pathOf = ({ organisation, team }: TeamName): string =>
    `${teamsOf(organisation)}/${at(team)}`;
  const idOf = async (name: TeamName): Promise<number> =>
    (await remote.get(teamSchema, pathOf(name))).id;
  return {
    async add({ organisation, team: name }, description) {
      await remote.post(teamSchema, teamsOf(organisation), { name, description });
    },
    async list(organisation) {
      const teams = await all(remote.items(pageSchema(teamSchema), teamsOf(organisation)));
      // Docker Hub shows the owners as a team.
      return teams
        .filter(({ name }) => name !== "owners")
        .map(({ name, description, member_count: members }) => ({ name, description, members }));
    },
    delete: (name) => remote.delete(pathOf(name)),
    members: async (name) =>
      (await all(remote.items(pageSchema(userSchema), `${pathOf(name)}/members`))).map(
        ({ username }) => username,
      ),
    async addMember(name, member) {
      await remote.post(teamMemberAddedSchema, `${pathOf(name)}/members`, { member });
    },
    removeMember: (name, user) => remote.delete(`${pathOf(name)}/members/${at(user)}`),
    async permissions({ organisation, team }) {
      const path = `/organisations/${at(organisation)}/teams/${at(team)}/repositories`;
      const found = await all(remote.items(pageSchema(teamRepositorySchema), path));
      return found.map(({ name: repository, level: permission }) => ({ repository, permission }));
    },
    async setPermission(name, text, permission) {
      const [namespace = "", ...rest] = text.split("/");
      const repository = `/v2/namespaces/${at(namespace)}/repositories/${at(rest.join("/"))}`;
      if (permission === undefined) return remote.delete(`${repository}/groups/${at(name.team)}`);
      const body = { group_id: await idOf(name), permission };
      await remote.post(teamPermissionSchema, `${repository}/groups`, body);
    },
  };
}

function remoteTokens(remote: Remote): AdministeredAccounts["accessTokens"] {
  const pathOf = (account: string): string => `/admin/accounts/${at(account)}/tokens`;
  return {
    async issue({ account, label, description, scope, resources, expiresAtMs }) {
      const expires = expiresAtMs === undefined ? null : new Date(expiresAtMs).toISOString();
      const body = { label, description, scope, resources, expires_at: expires };
      const { id, token: secret } = await remote.post(issuedTokenSchema, pathOf(account), body);
      return { id, secret };
    },
    list: async (account) =>
      (await all(remote.items(pageSchema(adminTokenSchema), pathOf(account)))).map((token) => ({
        id: token.id,
        label: token.label,
        description: token.description,
        scopes: token.scopes,
        resources: token.resources,
        isActive: token.is_active,
        createdAtMs: msOf(token.created_at),
        expiresAtMs: msOrNull(token.expires_at),
        lastUsedAtMs: msOrNull(token.last_used),
      })),
    revoke: (account, id) => remote.delete(`${pathOf(account)}/${at(id)}`),
  };
}

async function listAudit(
  remote: Remote,
  {
    account,
    actor,
    action,
    fromMs,
    toMs,
    limit,
  }: Parameters<AdministeredAccounts["audit"]["list"]>[0],
): Promise<ListedAudit> {
  const time = (ms: number | undefined): string | undefined =>
    ms === undefined ? undefined : new Date(ms).toISOString();
  const filter = { account, actor, action, from: time(fromMs), to: time(toMs) };
  const entries: Omit<AuditEntry, "id">[] = [];
  for (let last: string | undefined; ;) {
    const query = { ...filter, last, page_size: Math.min(100, limit - entries.length) };
    const page = await remote.get(adminAuditSchema, "/admin/audit", query);
    for (const { at: time, address: peer, ...entry } of page.results)
      entries.push({ ...entry, atMs: msOf(time), peer });
    if (page.next === null || entries.length >= limit) {
      const { kept_seconds: kept } = page;
      return { entries, keptMs: kept === null ? undefined : kept * 1_000 };
    }
    last = new URL(page.next).searchParams.get("last") ?? undefined;
  }
}

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
