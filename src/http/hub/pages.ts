import type { Context } from "koa";
import type { ClientInfo } from "../middleware/client-info.ts";
import { notFound } from "./errors.ts";

/** A page of a list, as `pageSchema` describes it. */
interface Page<T> {
  readonly count: number;
  readonly next: string | null;
  readonly previous: string | null;
  readonly results: T[];
}

interface PageQuery {
  readonly page: number;
  readonly page_size: number;
}

export type Pager = ReturnType<typeof createPager>;

/** Links are absolute and keep all other query parameters. */
export function createPager(clientInfo: ClientInfo) {
  /** The URL of the request with another value of the parameter. */
  const linkTo = (ctx: Context, key: "page" | "last" | "before", value: string): string => {
    const url = new URL(ctx.URL.pathname + ctx.URL.search, clientInfo.originOf(ctx.req));
    url.searchParams.set(key, value);
    return url.href;
  };

  /** A page by its number. Throws 404 for a page after the last one; an empty first page is allowed. */
  const numbered = <T>(
    ctx: Context,
    { page, page_size: size }: PageQuery,
    count: number,
    results: readonly T[],
  ): Page<T> => {
    if (page > 1 && (page - 1) * size >= count) throw notFound();
    return {
      count,
      next: page * size < count ? linkTo(ctx, "page", String(page + 1)) : null,
      previous: page > 1 ? linkTo(ctx, "page", String(page - 1)) : null,
      results: [...results],
    };
  };

  return {
    linkTo,

    numbered,

    /** A page by its number of a list that is in memory as a whole. */
    numberedOf<T>(ctx: Context, query: PageQuery, all: readonly T[]): Page<T> {
      const { page, page_size: size } = query;
      return numbered(ctx, query, all.length, all.slice((page - 1) * size, page * size));
    },

    /** @param last the last name on this page, after which the next page begins; `undefined` on the last page */
    following<T>(
      ctx: Context,
      last: string | undefined,
      count: number,
      results: readonly T[],
    ): Page<T> {
      const next = last === undefined ? null : linkTo(ctx, "last", last);
      return { count, next, previous: null, results: [...results] };
    },
  };
}
