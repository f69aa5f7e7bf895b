import { quotaSchema, setQuotaBody, type QuotaAnswer } from "../../../api/administration.ts";
import { pageQuery, pageSchema } from "../../../api/fields.ts";
import { parseNamespace } from "../../../oci/name.ts";
import type { Quotas, Use } from "../../../registry/quotas.ts";
import { HubError } from "../../hub/errors.ts";
import type { Pager } from "../../hub/pages.ts";
import { route, type Route } from "../../route.ts";
import { root } from "../repositories.ts";

interface Parts {
  readonly quotas: Quotas;
  readonly pager: Pager;
}

const requires = { of: "administrator" } as const;
const path = `${root}/admin/quotas`;

/** Routes of quotas, for administrators. */
export function quotaRoutes({ quotas, pager }: Parts): readonly Route[] {
  return [
    route({
      method: "get",
      path,
      requires,
      summary: "The bytes and the quota of each namespace with repositories or a quota",
      query: pageQuery,
      answer: pageSchema(quotaSchema),
      handle: async ({ ctx, query, work }) => {
        const { count, items } = await quotas.page(
          { page: query.page, size: query.page_size },
          work,
        );
        return pager.numbered(ctx, query, count, items.map(presentQuota));
      },
    }),
    route({
      method: "put",
      path: `${path}/:namespace`,
      requires,
      summary: "Sets the quota of a namespace; stored content stays",
      body: setQuotaBody,
      answer: quotaSchema,
      handle: async ({ actor, namespace: text, body: { limit } }) => {
        const namespace = parseNamespace(text);
        const used = await quotas.set(actor, namespace, limit);
        return { namespace, used, limit, is_own: true };
      },
    }),
    route({
      method: "delete",
      path: `${path}/:namespace`,
      requires,
      summary: "Removes the quota of a namespace, so that quotas.default applies",
      status: 204,
      handle: async ({ actor, namespace: text }) => {
        const namespace = parseNamespace(text);
        if (!(await quotas.remove(actor, namespace)))
          throw new HubError(404, `${namespace} does not have its own quota`);
      },
    }),
  ];
}

const presentQuota = ({ namespace, usedBytes, limitBytes, isOwn }: Use): QuotaAnswer => ({
  namespace,
  used: usedBytes,
  limit: limitBytes,
  is_own: isOwn,
});
