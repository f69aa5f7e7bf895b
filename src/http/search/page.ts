import type { Context } from "koa";
import { OciError } from "../../oci/errors.ts";
import type { Origins } from "../origins.ts";
import { queryValue } from "../links.ts";

const defaultSize = 10;
const largestSize = 100;

/** `page` and `page_size`, as Docker Hub counts them: from 1 on, and too large a size is the largest. */
export interface NumberedPage {
  readonly page: number;
  readonly size: number;
  readonly offset: number;
}

export function numberedPage(ctx: Context): NumberedPage {
  const page = Math.max(1, parseWholeNumber(queryValue(ctx, "page"), "page") ?? 1);
  const asked = parseWholeNumber(queryValue(ctx, "page_size"), "page_size") ?? defaultSize;
  const size = Math.min(Math.max(1, asked), largestSize);
  return { page, size, offset: (page - 1) * size };
}

/** The envelope of every list: absolute addresses that keep all other parameters. Throws 404 behind the last page. */
export function envelope<T>(
  ctx: Context,
  origins: Origins,
  { page, size, offset }: NumberedPage,
  { count, results }: { readonly count: number; readonly results: readonly T[] },
) {
  if (page > 1 && offset >= count) throw new OciError("NAME_UNKNOWN", "there is no such page");
  const at = (number: number): string => {
    const query = new URLSearchParams(ctx.querystring);
    query.set("page", String(number));
    return `${origins.originOf(ctx.req)}${ctx.path}?${query.toString()}`;
  };
  return {
    count,
    next: page * size < count ? at(page + 1) : null,
    previous: page > 1 ? at(page - 1) : null,
    results,
  };
}

/** The envelope of a list that goes on behind a name, which costs the same however far on that is. */
export function followedBy<T>(
  ctx: Context,
  origins: Origins,
  last: string | undefined,
  { count, results }: { readonly count: number; readonly results: readonly T[] },
) {
  const query = new URLSearchParams(ctx.querystring);
  if (last !== undefined) query.set("last", last);
  const next = `${origins.originOf(ctx.req)}${ctx.path}?${query.toString()}`;
  return { count, next: last === undefined ? null : next, previous: null, results };
}

/** A whole number of a query; `undefined` where there is none. Throws PAGINATION_NUMBER_INVALID. */
export function parseWholeNumber(text: string | undefined, name: string): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (!/^\d{1,9}$/.test(text))
    throw new OciError("PAGINATION_NUMBER_INVALID", `${name} is a whole number`);
  return Number(text);
}
