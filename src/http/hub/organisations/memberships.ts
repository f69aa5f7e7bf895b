import * as z from "zod";
import type { Accounts } from "../../../accounts/accounts.ts";
import type { HubPolicy } from "../../../auth/hub-policy.ts";
import type { HubCatalog } from "../hub.ts";
import { memberSchema, presentMember, presentRole } from "../accounts/schemas.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import { pageOf, pageQuery, type Pager } from "../pages.ts";
import { timeOf } from "../times.ts";

const role = z.enum(["owner", "editor", "member"]);
const path = "/v2/orgs/:org/members";
const seeing = { of: "organisation", permission: "see members" } as const;
const changing = { of: "organisation", permission: "change members" } as const;
const exportedAtMost = 10_000;

/** Routes of the members of an organisation. */
export function memberRoutes(parts: {
  readonly hub: Pick<HubCatalog, "accounts">;
  readonly accounts: Pick<Accounts, "organisations">;
  readonly policy: HubPolicy;
  readonly pager: Pager;
}): readonly Route[] {
  const { hub, accounts, policy, pager } = parts;

  /** Only callers that may change the memberships see email addresses. */
  const mayContact = async ({ session, namespace }: HubRequest): Promise<boolean> =>
    (await policy.authorize(session, changing, { namespace })) === "allowed";

  return [
    route({
      method: "get",
      path,
      requires: seeing,
      summary: "The members of an organisation",
      query: z.object({
        ...pageQuery,
        search: z.string().max(255).optional(),
        role: role.optional(),
        type: z.enum(["all", "invitee", "member"]).default("member"),
        invites: z.enum(["true", "false"]).optional(),
      }),
      answer: pageOf(memberSchema),
      handle: async (call) => {
        const { ctx, namespace, query } = call;
        const { page, page_size: size, search, role, type } = query;
        const { count, items } =
          type === "invitee"
            ? { count: 0, items: [] }
            : await hub.accounts.members(namespace, { page, size, search, role });
        const contact = await mayContact(call);
        return pager.envelope(
          ctx,
          query,
          count,
          items.map((item) => presentMember(item, contact)),
        );
      },
    }),
    route({
      method: "get",
      path: `${path}/export`,
      requires: changing,
      summary: "The members of an organisation as CSV",
      answer: z.string().meta({ contentType: "text/csv" }),
      handle: async ({ ctx, namespace }) => {
        const all = { page: 1, size: exportedAtMost };
        const { items } = await hub.accounts.members(namespace, all);
        const rows = items.map((item) => [
          ...[item.fullName, item.name, item.email ?? "", "User", presentRole(item.role)],
          ...[item.teams.join(", "), timeOf(item.createdAtMs)],
        ]);
        const head = "Name,Username,Email,Type,Role,Teams,Date Joined".split(",");
        const day = timeOf(Date.now()).slice(0, 10);
        ctx.set("Content-Disposition", `attachment;filename="${namespace}-members-${day}.csv"`);
        ctx.type = "text/csv";
        return [head, ...rows].map((row) => `${row.map(quote).join(",")}\r\n`).join("");
      },
    }),
    route({
      method: "put",
      path: `${path}/:user`,
      requires: changing,
      summary: "Gives a member another role",
      body: z.object({ role }),
      answer: memberSchema,
      handle: async (call) => {
        const { actor, namespace, params, body } = call;
        const user = params["user"] ?? "";
        await accounts.organisations.changeRole(actor, namespace, user, body.role);
        return presentMember(await hub.accounts.member(namespace, user), await mayContact(call));
      },
    }),
    route({
      method: "delete",
      path: `${path}/:user`,
      requires: changing,
      summary: "Takes a user out of an organisation and its teams",
      status: 204,
      handle: ({ actor, namespace, params }) =>
        accounts.organisations.removeMember(actor, namespace, params["user"] ?? ""),
    }),
  ];
}

/** Quotes a CSV field (RFC 4180). A leading `'` keeps a spreadsheet from running the text as a formula. */
function quote(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
