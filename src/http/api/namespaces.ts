import type { Accounts } from "../../accounts/accounts.ts";
import {
  changeOrganisationBody,
  createOrganisationBody,
  namespaceSchema,
  type NamespaceAnswer,
} from "../../api/accounts.ts";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { Session } from "../../auth/sessions.ts";
import { parseNamespace } from "../../oci/name.ts";
import type { Quotas } from "../../registry/quotas.ts";
import { notFound } from "../hub/errors.ts";
import type { HubCatalog } from "../hub/hub.ts";
import { route, type Route } from "../route.ts";
import { root } from "./repositories.ts";

interface Parts {
  readonly hub: Pick<HubCatalog, "accounts" | "repositories">;
  readonly accounts: Pick<Accounts, "organisations" | "profiles">;
  readonly policy: HubPolicy;
  readonly quotas: Pick<Quotas, "find">;
  /** The visibility of each mirror, by its namespace. */
  readonly mirrored: ReadonlyMap<string, "private" | "public">;
}

/** Routes of namespaces, and of the organisations that have them. */
export function namespaceRoutes(parts: Parts): readonly Route[] {
  return [
    route({
      method: "get",
      path: `${root}/namespaces/:namespace`,
      requires: { of: "anyone" },
      summary: "A namespace, with the number of repositories that the caller sees",
      answer: namespaceSchema,
      handle: ({ session, namespace }) => describe(parts, session, parseNamespace(namespace)),
    }),
    route({
      method: "post",
      path: `${root}/organisations`,
      requires: { of: "administrator" },
      summary: "Creates an organisation",
      body: createOrganisationBody,
      answer: namespaceSchema,
      status: 201,
      handle: async ({ session, actor, body }) => {
        const { full_name: fullName, take_over: takeOver } = body;
        const [name, owner] = [body.name.toLowerCase(), body.owner?.toLowerCase()];
        await parts.accounts.organisations.add(actor, { name, fullName, owner, takeOver });
        return describe(parts, session, name);
      },
    }),
    route({
      method: "delete",
      path: `${root}/organisations/:org`,
      requires: { of: "administrator" },
      summary: "Deletes an organisation without repositories",
      status: 204,
      handle: ({ actor, namespace }) => parts.accounts.organisations.delete(actor, namespace),
    }),
    route({
      method: "patch",
      path: `${root}/organisations/:org`,
      requires: { of: "organisation", permission: "change settings" },
      summary: "Changes the full name of an organisation",
      body: changeOrganisationBody,
      answer: namespaceSchema,
      handle: async ({ session, actor, namespace, body }) => {
        const organisation = { name: namespace, kind: "organisation" } as const;
        await parts.accounts.profiles.change(actor, organisation, { fullName: body.full_name });
        return describe(parts, session, namespace);
      },
    }),
  ];
}

async function describe(
  { hub, policy, quotas, mirrored }: Parts,
  session: Session | undefined,
  namespace: string,
): Promise<NamespaceAnswer> {
  const account = await hub.accounts.find(namespace);
  const count = await hub.repositories.count(session, namespace);
  const mirror = mirrored.get(namespace);
  // A client that may read nothing of a private mirror does not learn of it.
  const isMirror =
    mirror === "public" ||
    (mirror === "private" &&
      (count > 0 || (await policy.viewOf(session, namespace)).kind === "all"));
  if (account === undefined && count === 0 && !isMirror) throw notFound();
  const belongs =
    account?.kind === "organisation"
      ? ({ of: "organisation", permission: "see members" } as const)
      : ({ of: "account" } as const);
  const mayKnowQuota = (await policy.authorize(session, belongs, { namespace })) === "allowed";
  const quota = mayKnowQuota ? await quotas.find(namespace) : undefined;
  return {
    name: namespace,
    kind: account?.kind ?? null,
    full_name: account?.fullName ?? "",
    is_mirror: isMirror,
    repository_count: count,
    quota:
      quota === undefined ? null : { used_bytes: quota.usedBytes, limit_bytes: quota.limitBytes },
  };
}
