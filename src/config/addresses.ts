import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import type * as z from "zod";
import { value } from "./values.ts";

/** The address to listen on. An empty `host` means all interfaces; with port 0 the system chooses a port. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** The absolute path of a Unix socket, in place of host and port, which are `localhost` and 0. */
  readonly path?: string;
  /** The number of an open file descriptor that listens already (socket activation); it replaces all others. */
  readonly fd?: number;
}

/** A longer path does not fit into `sockaddr_un` of Linux. */
const socketPathBytes = 107;

/** `127.0.0.1:5000`, `[::1]:5000`, `:5000`, `unix:/run/berth.sock`; `undefined` if it is none of these. */
export function parseListenAddress(raw: unknown): ListenAddress | undefined {
  if (typeof raw !== "string") return undefined;
  const [, path] = /^unix:(\/[^\0]*[^\0/])$/.exec(raw.trim()) ?? [];
  if (path !== undefined)
    return Buffer.byteLength(path) > socketPathBytes
      ? undefined
      : { host: "localhost", port: 0, path };
  const parts = /^(?:\[([0-9A-Fa-f:.%\w]+)\]|([^:[\]\s/]*)):(\d{1,5})$/.exec(raw.trim());
  const [, bracketed, plain = "", digits] = parts ?? [];
  const port = Number(digits);
  if (parts === null || port > 65_535) return undefined;
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { host: bracketed, port } : undefined;
  if (plain === "" || plain === "*") return { host: "", port };
  // A text of digits and dots is an IPv4 address, or a typing error that must not reach a resolver.
  if (/^[\d.]+$/.test(plain) ? isIP(plain) !== 4 : !hostName.test(plain)) return undefined;
  return { host: plain.toLowerCase(), port };
}

const hostName =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*\.?$/i;

/** `HOST:PORT` with brackets around an IPv6 address, as `parseListenAddress` and URLs require; or `unix:PATH`. */
export function formatListenAddress({ host, port, path }: ListenAddress): string {
  if (path !== undefined) return `unix:${path}`;
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Whether only this machine can reach the host. A name must be `localhost` or a name below it. */
export function isLoopback(host: string): boolean {
  if (isIP(host) !== 0) return ipaddr.process(host).range() === "loopback";
  return /^(?:.+\.)?localhost\.?$/.test(host);
}

/** HOST:PORT as a {@link ListenAddress}. */
export function tcpAddress(): z.ZodType<ListenAddress> {
  return value({
    allowed: "HOST:PORT, such as 127.0.0.1:5000, [::1]:5000, or :5000 for all interfaces",
    parse: (raw) => {
      const address = parseListenAddress(raw);
      return address?.path === undefined ? address : undefined;
    },
    print: formatListenAddress,
  });
}

/** HOST:PORT or unix:PATH as a {@link ListenAddress}. */
export function listenAddress(): z.ZodType<ListenAddress> {
  return value({
    allowed:
      "HOST:PORT, such as 127.0.0.1:5000, [::1]:5000, or :5000 for all interfaces; or unix:/run/berth/berth.sock",
    parse: parseListenAddress,
    print: formatListenAddress,
  });
}

/** Where the audit log is forwarded to: a syslog server, or a webhook. */
export type AuditForward =
  | { readonly kind: "udp" | "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "webhook"; readonly url: string };

/** The receiver of `audit.forward`. */
export function auditReceiver(): z.ZodType<AuditForward> {
  return value<AuditForward>({
    allowed:
      "a syslog server as udp://HOST:PORT, tcp://HOST:PORT or unix:PATH, or the http:// or https:// URL of a webhook",
    parse: (raw) => {
      if (typeof raw !== "string") return undefined;
      const [, scheme = "", rest = ""] = /^(udp|tcp):\/\/(.+)$/.exec(raw.trim()) ?? [];
      if (scheme === "") return unixOrWebhook(raw.trim());
      const address = parseListenAddress(rest);
      if (address === undefined || address.path !== undefined) return undefined;
      const { host, port } = address;
      const kind = scheme === "udp" ? "udp" : "tcp";
      return host === "" || port === 0 ? undefined : { kind, host, port };
    },
    print: formatAuditForward,
  });
}

function unixOrWebhook(text: string): AuditForward | undefined {
  const path = parseListenAddress(text)?.path;
  if (path !== undefined) return { kind: "unix", path };
  if (!/^https?:\/\/[^/?#\s]/i.test(text) || /[#\s\\]/.test(text) || !URL.canParse(text))
    return undefined;
  const url = new URL(text);
  return url.username === "" && url.password === ""
    ? { kind: "webhook", url: url.href }
    : undefined;
}

export function formatAuditForward(forward: AuditForward): string {
  switch (forward.kind) {
    case "webhook":
      return forward.url;
    case "unix":
      return `unix:${forward.path}`;
    case "udp":
    case "tcp":
      return `${forward.kind}://${formatListenAddress(forward)}`;
  }
}

/** The absolute URL under which clients reach this server, without a slash at its end. */
export const serverUrl = (): z.ZodType<string> => bareUrl("https://registry.example.com");

/** The same for a mirrored registry. */
export const upstreamUrl = (): z.ZodType<string> => bareUrl("https://registry-1.docker.io");

/** The same for traces: it has a path. */
export const collectorUrl = (): z.ZodType<string> => bareUrl("http://127.0.0.1:4318/v1/traces");

function bareUrl(example: string): z.ZodType<string> {
  return value({
    allowed: `an absolute http:// or https:// URL without user, query or fragment, such as ${example}`,
    parse: (raw) => {
      if (
        typeof raw !== "string" ||
        !/^https?:\/\/[^/?#\s]/i.test(raw.trim()) ||
        /[?#\s\\]/.test(raw.trim())
      )
        return undefined;
      const url = URL.canParse(raw) ? new URL(raw) : undefined;
      if (url === undefined || url.username !== "" || url.password !== "") return undefined;
      return url.href.replace(/\/+$/, "");
    },
  });
}

/** One IP address, or a range in CIDR form, as text. */
export function ipRange(): z.ZodType<string> {
  return value({
    allowed: "an IP address or a range in CIDR form, such as 10.0.0.0/8 or fd00::/8",
    parse: (raw) => {
      if (typeof raw !== "string") return undefined;
      const range = raw.trim();
      if (range.includes("/"))
        return ipaddr.isValidCIDR(range) && isIP(range.split("/")[0] ?? "") !== 0
          ? range
          : undefined;
      return isIP(range) === 0 ? undefined : range;
    },
  });
}

/** A host of images, with an optional port; `*.example.com` is each host below example.com. */
export function imageHost(): z.ZodType<string> {
  return value({
    allowed: "a host name, such as img.shields.io or *.example.com",
    parse: (raw) => {
      if (typeof raw !== "string") return undefined;
      const [, host = ""] = /^(?:\*\.)?([^*:]+)(?::\d{1,5})?$/.exec(raw.trim()) ?? [];
      return hostName.test(host) ? raw.trim().toLowerCase() : undefined;
    },
  });
}

/** The origin of a web page. */
export function webOrigin(): z.ZodType<string> {
  return value({
    allowed: "the origin of a web page: scheme, host and port, such as https://ui.example.com",
    parse: (raw) => {
      if (typeof raw !== "string" || !/^https?:\/\/[^/?#\s@]+\/?$/i.test(raw.trim()))
        return undefined;
      return URL.canParse(raw) ? new URL(raw).origin : undefined;
    },
  });
}
