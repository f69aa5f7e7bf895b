import type { Context } from "koa";
import type { Actor } from "../registry/registry.ts";

interface PeerState {
  peer?: string;
}

/** Remembers the address that a request comes from. */
export function setPeer(ctx: Context, peer: string): void {
  (ctx.state as PeerState).peer = peer;
}

/** Who does what a request asks for. In open mode nobody that we know. */
export function actorOf(ctx: Context): Actor {
  return { accountId: null, name: "", peer: (ctx.state as PeerState).peer ?? "" };
}
