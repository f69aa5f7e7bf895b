import type { Context } from "koa";
import * as z from "zod";
import type { ClientInfo } from "../middleware/client-info.ts";
import { notFound } from "./errors.ts";

const sizeAtMost = 100;
const pageAtMost = 1_000_000;

const pageSizeOf = (byDefault: number) =>
  z.coerce
    .number()
    .int()
    .min(1)
    .transform((size) => Math.min(size, sizeAtMost))
    .default(byDefault)
    .describe(`More than ${sizeAtMost} is taken for ${sizeAtMost}.`);

/** Parameters of a page. A larger `page_size` is reduced to the maximum of 100, because clients send 1000. */
export const pageQuery = {
  page: z.coerce.number().int().min(1).max(pageAtMost).default(1),
  page_size: pageSizeOf(10),
};
export const auditPageQuery = { ...pageQuery, page_size: pageSizeOf(25) };

/** Parameters of a list with a keyset cursor (`last`): each page costs the same, independent of its position. */
export const followingQuery = {
  page_size: pageQuery.page_size,
  last: z.string().max(255).optional().describe("The name that the page before ended with."),
};

/** The envelope of a list. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({
    count: z.number().int(),
    next: z.url().nullable(),
    previous: z.url().nullable(),
    results: z.array(item),
  });

export interface PageParts<T> {
  readonly count: number;
  readonly next: string | null;
  readonly previous: string | null;
  readonly results: T[];
}

export type Pager = ReturnType<typeof createPager>;

/** Links are absolute and keep all other query parameters. */
export function createPager(clientInfo: ClientInfo) {
  const linkTo = (ctx: Context, key: "page" | "last", value: string): string => {
    const url = new URL(ctx.URL.pathname + ctx.URL.search, clientInfo.originOf(ctx.req));
    url.searchParams.set(key, value);
    return url.href;
  };
  return {
    /** @param last the last name on this page, after which the next page begins; `undefined` on the last page */
    following<T>(
      ctx: Context,
      last: string | undefined,
      count: number,
      results: readonly T[],
    ): PageParts<T> {
      const next = last === undefined ? null : linkTo(ctx, "last", last);
      return { count, next, previous: null, results: [...results] };
    },

    /** Throws 404 for a page after the last one; an empty first page is allowed. */
    envelope<T>(
      ctx: Context,
      { page, page_size: size }: { readonly page: number; readonly page_size: number },
      count: number,
      results: readonly T[],
    ): PageParts<T> {
      if (page > 1 && (page - 1) * size >= count) throw notFound();
      return {
        count,
        next: page * size < count ? linkTo(ctx, "page", String(page + 1)) : null,
        previous: page > 1 ? linkTo(ctx, "page", String(page - 1)) : null,
        results: [...results],
      };
    },
  };
}
