import ipaddr from "ipaddr.js";
import type { Context } from "koa";
import { OciError } from "../oci/errors.ts";
import type { Metrics } from "../observability/metrics.ts";
import type { Origins } from "./origins.ts";
import type { Route } from "./route.ts";

export interface MetricsParts {
  readonly text: Metrics;
  /** Addresses and ranges of who may read them. */
  readonly allow: readonly string[];
}

/** `GET /metrics` for Prometheus; who may not see it is told what a path without anything tells. */
export function metricsRoutes({
  text,
  allow,
  origins,
}: MetricsParts & { readonly origins: Origins }): readonly Route[] {
  const ranges = allow.map((range) =>
    range.includes("/") ? ipaddr.parseCIDR(range) : ipaddr.parseCIDR(`${range}/${bitsOf(range)}`),
  );
  const mayRead = (peer: string): boolean => {
    if (!ipaddr.isValid(peer)) return false;
    const address = ipaddr.process(peer);
    return ranges.some(
      ([base, bits]) => base.kind() === address.kind() && address.match(base, bits),
    );
  };
  return [
    {
      method: "get",
      path: "/metrics",
      permission: { kind: "none" },
      handle: async (ctx: Context) => {
        if (!mayRead(origins.peerOf(ctx.req)))
          throw new OciError("UNSUPPORTED", "there is nothing at this path", { status: 404 });
        const { body, contentType } = await text();
        ctx.set({ "Content-Type": contentType, "Cache-Control": "no-store" });
        ctx.body = body;
      },
    },
  ];
}

const bitsOf = (address: string): number => (address.includes(":") ? 128 : 32);
