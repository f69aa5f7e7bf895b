import type { Context } from "koa";

/** Sets `Link: <…>; rel="next"` with a relative target: clients resolve it against the host name that they use. */
export function setNextLink(
  ctx: Context,
  path: string,
  parameters: readonly (readonly [string, string])[],
): void {
  ctx.set(
    "Link",
    `<${path}?${new URLSearchParams(parameters.map(([key, value]): [string, string] => [key, value])).toString()}>; rel="next"`,
  );
}

/** All values of a query parameter, in order. */
export function queryValues(ctx: Context, key: string): readonly string[] {
  const value = ctx.query[key];
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/** The first value of a query parameter. */
export const queryValue = (ctx: Context, key: string): string | undefined =>
  queryValues(ctx, key)[0];
