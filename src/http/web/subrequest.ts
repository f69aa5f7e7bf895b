import { ServerResponse, type IncomingMessage } from "node:http";
import type Koa from "koa";
import type { Context, Middleware } from "koa";
import { requestIdHeader, requestIdOf } from "../middleware/request-ids.ts";
import { peerOf, setPeer } from "../middleware/request-state.ts";
import type { FirstAnswer } from "./shell.ts";

/** Asks an API route inside the process, as the caller of `ctx`: with the same permission check. */
export type Subrequest = (ctx: Context, url: string) => Promise<FirstAnswer>;

/** Conditions of the request for the page, which do not apply to the answers inside it. */
const ownHeaders = ["if-none-match", "if-modified-since", "range"];

/** @param handle answers a request, errors included */
export function createSubrequest(app: Koa, handle: Middleware): Subrequest {
  return async (ctx, url) => {
    const request = getOf(ctx.req, url);
    const response = new ServerResponse(request);
    response.setHeader(requestIdHeader, requestIdOf(ctx) ?? "");
    const inner = app.createContext(request, response) as Context;
    setPeer(inner, peerOf(ctx));
    try {
      await handle(inner, async () => undefined);
      return { status: inner.status, body: jsonOf(inner.body) };
    } finally {
      // Ends what the handlers bound to the response.
      response.emit("close");
    }
  };
}

/** A GET without a body, on the connection of the request for the page. */
function getOf(page: IncomingMessage, url: string): IncomingMessage {
  const headers = { ...page.headers };
  for (const name of ownHeaders) delete headers[name];
  return Object.create(page, {
    method: { value: "GET" },
    url: { value: url, writable: true },
    headers: { value: headers },
  }) as IncomingMessage;
}

function jsonOf(body: unknown): string {
  if (Buffer.isBuffer(body)) return body.toString("utf8");
  if (typeof body === "string") return body;
  return JSON.stringify(body ?? null);
}
