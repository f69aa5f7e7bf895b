import type { Context } from "koa";
import type { Route } from "./route.ts";

/** What is wrong, by the part that says so; empty when all is well. */
export type Readiness = () => Promise<Readonly<Record<string, string>>>;

/** Routes for whoever runs the process. */
export function opsRoutes({ readiness }: { readonly readiness: Readiness }): readonly Route[] {
  return [
    {
      method: "get",
      path: "/healthz",
      permission: { kind: "none" },
      handle: (ctx: Context) => {
        ctx.body = { status: "alive" };
      },
    },
    {
      method: "get",
      path: "/readyz",
      permission: { kind: "none" },
      handle: async (ctx: Context) => {
        const problems = await readiness();
        const ready = Object.keys(problems).length === 0;
        ctx.status = ready ? 200 : 503;
        ctx.set("Cache-Control", "no-store");
        ctx.body = ready ? { status: "ready" } : { status: "not ready", problems };
      },
    },
  ];
}
