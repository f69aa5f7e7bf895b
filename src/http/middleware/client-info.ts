import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import ipaddr from "ipaddr.js";
import { memoized } from "../../concurrency/bounded-cache.ts";
import { ipMatcher } from "../../network/addresses.ts";

/** The address of the client of a request, and the origin under which the client reaches the registry. */
export interface ClientInfo {
  /**
   * The address of the client: the connection's address or, behind trusted proxies, the last untrusted address in
   * X-Forwarded-For.
   */
  peerOf(request: IncomingMessage): string;
  /** Whether the connection comes from a trusted proxy. */
  isFromProxy(request: IncomingMessage): boolean;
  /** Whether a proxy that is not trusted forwarded the request. The address of the client is then unknown. */
  isForwardedByUntrusted(request: IncomingMessage): boolean;
  /** `https://registry.example.com`, without a trailing slash. An absolute URL is this origin and a path. */
  originOf(request: IncomingMessage): string;
}

/** Headers in which proxies name the client (RFC 7239 and its predecessors). */
const forwardedHeaders = ["x-forwarded-for", "x-real-ip", "forwarded"] as const;
/** A host that a response header may contain: a host name or an IP address, with an optional port. */
const hostGrammar = /^(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/;

/**
 * @param trustedProxies addresses and CIDR ranges of proxies; their X-Forwarded-For, -Proto and -Host are trusted
 * @param publicUrl the configured origin, used for every request
 * @param isUnix the server listens on a Unix socket: its peers, which have no address, are proxies on this machine, and the
 *   mode of the socket decides which users can connect
 */
export function createClientInfo(
  trustedProxies: readonly string[],
  publicUrl: string | undefined,
  isUnix = false,
): ClientInfo {
  const isProxy = ipMatcher(trustedProxies);
  const isTrusted = (address: string): boolean => (isUnix && address === "") || isProxy(address);

  const schemeOf = (request: IncomingMessage, forwarded: boolean): string => {
    const told = forwarded ? firstOf(request.headers["x-forwarded-proto"]) : "";
    if (told === "https" || told === "http") return told;
    return request.socket instanceof TLSSocket ? "https" : "http";
  };
  const hostOf = (request: IncomingMessage, forwarded: boolean): string => {
    const told = forwarded ? firstOf(request.headers["x-forwarded-host"]) : "";
    const host = (request.headers.host ?? "").toLowerCase();
    // An HTTP/1.0 request has no Host.
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
    isFromProxy: ({ socket }) => isTrusted(socket.remoteAddress ?? ""),
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

/** A chain of proxies writes a list; its first entry is the scheme or the host that the client used. */
function firstOf(header: string | readonly string[] | undefined): string {
  const [first = ""] = String(header ?? "").split(",", 1);
  return first.trim().toLowerCase();
}

function localHost({ socket }: IncomingMessage): string {
  const address = socket.localAddress ?? "localhost";
  return `${address.includes(":") ? `[${address}]` : address}:${socket.localPort}`;
}
