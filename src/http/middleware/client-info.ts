import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import ipaddr from "ipaddr.js";
import { memoized } from "../../concurrency/byte-cache.ts";

/** Where requests come from, and what the registry is called where they do. */
export interface ClientInfo {
  /** Who asked: the connection's address, or what proxies we trust say of theirs, from the nearest on. */
  peerOf(request: IncomingMessage): string;
  /** Whether a proxy has forwarded it that is not trusted: then nobody knows whom it comes from. */
  isForwardedByUntrusted(request: IncomingMessage): boolean;
  /** `https://registry.example.com`, without a slash at its end: what the client has to put in front of a path. */
  originOf(request: IncomingMessage): string;
}

/** What proxies write about the client that they forward for (RFC 7239, and what was there before it). */
const forwardedHeaders = ["x-forwarded-for", "x-real-ip", "forwarded"] as const;
/** A host that may go into a header of ours: a name or an address, perhaps a port. */
const hostGrammar = /^(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/;

/**
 * @param trustedProxies addresses and CIDR ranges whose X-Forwarded-For, -Proto and -Host are believed
 * @param publicUrl the origin of every request, if it is configured
 */
export function createClientInfo(
  trustedProxies: readonly string[],
  publicUrl: string | undefined,
): ClientInfo {
  const isTrusted = ipMatcher(trustedProxies);

  const schemeOf = (request: IncomingMessage, forwarded: boolean): string => {
    const told = forwarded ? firstOf(request.headers["x-forwarded-proto"]) : "";
    if (told === "https" || told === "http") return told;
    return request.socket instanceof TLSSocket ? "https" : "http";
  };
  const hostOf = (request: IncomingMessage, forwarded: boolean): string => {
    const told = forwarded ? firstOf(request.headers["x-forwarded-host"]) : "";
    const host = (request.headers.host ?? "").toLowerCase();
    // HTTP/1.0 knows no Host.
    return [told, host].find(isHost) ?? localHost(request);
  };

  return {
    peerOf(request) {
      let peer = request.socket.remoteAddress ?? "";
      const header = request.headers["x-forwarded-for"];
      if (header === undefined) return peer;
      const forwarded = String(header)
        .split(",")
        .map((part) => part.trim());
      while (isTrusted(peer) && forwarded.length > 0) {
        const next = forwarded.pop();
        if (next === undefined || !ipaddr.isValid(next)) break;
        peer = next;
      }
      return peer;
    },
    isForwardedByUntrusted({ headers, socket }) {
      return (
        forwardedHeaders.some((name) => headers[name] !== undefined) &&
        !isTrusted(socket.remoteAddress ?? "")
      );
    },
    originOf(request) {
      if (publicUrl !== undefined) return publicUrl;
      const forwarded = isTrusted(request.socket.remoteAddress ?? "");
      return `${schemeOf(request, forwarded)}://${hostOf(request, forwarded)}`;
    },
  };
}

const isHost = memoized((name) => hostGrammar.test(name) && URL.canParse(`http://${name}`));

/** A chain of proxies writes a list; its first entry is what the client saw. */
function firstOf(header: string | readonly string[] | undefined): string {
  const [first = ""] = String(header ?? "").split(",", 1);
  return first.trim().toLowerCase();
}

function localHost({ socket }: IncomingMessage): string {
  const address = socket.localAddress ?? "localhost";
  return `${address.includes(":") ? `[${address}]` : address}:${socket.localPort}`;
}

/** Whether an address lies in one of some networks. */
export function ipMatcher(networks: readonly string[]): (address: string) => boolean {
  const ranges = networks.map((proxy) => {
    if (proxy.includes("/")) return ipaddr.parseCIDR(proxy);
    const address = ipaddr.process(proxy);
    return [address, address.kind() === "ipv4" ? 32 : 128] as const;
  });
  if (ranges.length === 0) return () => false;
  return memoized((address) => {
    if (!ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return ranges.some(
      ([range, bits]) => parsed.kind() === range.kind() && parsed.match(range, bits),
    );
  });
}
