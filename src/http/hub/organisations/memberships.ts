import type * as z from "zod";
import type { Accounts } from "../../../accounts/accounts.ts";
import { csvLine } from "../../../api/csv.ts";
import { pageSchema, timeOf } from "../../../api/fields.ts";
import {
  memberCsvSchema,
  memberListQuery,
  memberRoleBody,
  memberSchema,
} from "../../../api/organisations.ts";
import type { HubPolicy } from "../../../auth/hub-policy.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import { presentMember, presentRole } from "../accounts/presenters.ts";
import type { HubCatalog } from "../hub.ts";
import type { Pager } from "../pages.ts";

interface Parts {
  readonly hub: Pick<HubCatalog, "accounts">;
  readonly accounts: Pick<Accounts, "organisations">;
  readonly policy: HubPolicy;
  readonly pager: Pager;
}

const path = "/v2/orgs/:org/members";
const see = { of: "organisation", permission: "see members" } as const;
const change = { of: "organisation", permission: "change members" } as const;

/** Routes of the members of an organisation. */
export function memberRoutes(parts: Parts): readonly Route[] {
  const { organisations } = parts.accounts;
  return [
    route({
      method: "get",
      path,
      requires: see,
      summary: "The members of an organisation",
      query: memberListQuery,
      answer: pageSchema(memberSchema),
      handle: (request) => list(parts, request),
    }),
    route({
      method: "get",
      path: `${path}/export`,
      requires: change,
      summary: "The members of an organisation as CSV",
      answer: memberCsvSchema,
      handle: (request) => exportCsv(parts, request),
    }),
    route({
      method: "put",
      path: `${path}/:user`,
      requires: change,
      summary: "Changes the role of a member",
      body: memberRoleBody,
      answer: memberSchema,
      handle: (request) => changeRole(parts, request),
    }),
    route({
      method: "delete",
      path: `${path}/:user`,
      requires: change,
      summary: "Removes a user from an organisation and its teams",
      status: 204,
      handle: ({ actor, namespace, params }) =>
        organisations.removeMember(actor, namespace, params["user"] ?? ""),
    }),
  ];
}

async function list(
  { hub, policy, pager }: Parts,
  { ctx, session, namespace, query }: HubRequest<z.output<typeof memberListQuery>>,
) {
  const { page, page_size: size, search, role, type } = query;
  const { count, items } =
    type === "invitee"
      ? { count: 0, items: [] }
      : await hub.accounts.members(namespace, { page, size, search, role });
  const mayContact = await mayChange(policy, { session, namespace });
  return pager.numbered(
    ctx,
    query,
    count,
    items.map((item) => presentMember(item, mayContact)),
  );
}

const exportedAtMost = 10_000;

async function exportCsv({ hub }: Parts, { ctx, namespace }: HubRequest): Promise<string> {
  const { items } = await hub.accounts.members(namespace, { page: 1, size: exportedAtMost });
  const rows = items.map((item) => [
    item.fullName,
    item.name,
    item.email ?? "",
    "User",
    presentRole(item.role),
    item.teams.join(", "),
    timeOf(item.createdAtMs),
  ]);
  const head = "Name,Username,Email,Type,Role,Teams,Date Joined".split(",");
  const day = timeOf(Date.now()).slice(0, 10);
  ctx.set("Content-Disposition", `attachment;filename="${namespace}-members-${day}.csv"`);
  ctx.type = "text/csv";
  return [head, ...rows].map((row) => `${csvLine(row)}\r\n`).join("");
}

async function changeRole(
  { hub, accounts, policy }: Parts,
  call: HubRequest<unknown, z.output<typeof memberRoleBody>>,
) {
  const { actor, namespace, params, body } = call;
  const user = params["user"] ?? "";
  await accounts.organisations.changeRole(actor, namespace, user, body.role);
  const member = await hub.accounts.member(namespace, user);
  return presentMember(member, await mayChange(policy, call));
}

/** Only callers that may change the memberships see email addresses. */
async function mayChange(
  policy: HubPolicy,
  { session, namespace }: Pick<HubRequest, "session" | "namespace">,
): Promise<boolean> {
  return (await policy.authorize(session, change, { namespace })) === "allowed";
}
