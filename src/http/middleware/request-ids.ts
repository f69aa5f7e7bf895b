import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Context } from "koa";
import type { ClientInfo } from "./client-info.ts";

/** Each answer has it. Name in lower case, as Node stores it. */
export const requestIdHeader = "x-request-id";

/** What the ids of proxies look like; the log has it unescaped. */
const grammar = /^[\w.:=+/@-]{8,128}$/;

/** Returns the id of a request: that of a trusted proxy, or a new one. */
export const createRequestIds =
  ({ isFromProxy }: Pick<ClientInfo, "isFromProxy">) =>
  (request: IncomingMessage): string => {
    const given = request.headers[requestIdHeader];
    if (typeof given === "string" && grammar.test(given) && isFromProxy(request)) return given;
    return newId();
  };

const idLength = 32;
let ids = "";
let used = 0;

/** 128 random bits. A part of one long text takes less time than `randomUUID`, which joins 20 texts. */
function newId(): string {
  if (used === ids.length) {
    ids = randomBytes(4_096).toString("hex");
    used = 0;
  }
  used += idLength;
  return ids.slice(used - idLength, used);
}

/** The id of a request in the Koa pipeline; `undefined` on the address of `metrics.listen`. */
export function requestIdOf(ctx: Context): string | undefined {
  const id = ctx.res.getHeader(requestIdHeader);
  return typeof id === "string" ? id : undefined;
}
