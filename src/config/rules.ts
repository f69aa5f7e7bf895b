import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { formatListenAddress, isLoopback } from "./addresses.ts";
import type { ConfigProblem } from "./problems.ts";
import type { Config } from "./schema.ts";

/** A condition between several keys. */
export interface Rule {
  /** A problem names the first key. The rule is checked only if each of the keys is valid. */
  readonly keys: readonly [string, ...string[]];
  readonly check: (config: Config) => Omit<ConfigProblem, "key"> | undefined;
}

export const rules: readonly Rule[] = [
  {
    keys: ["auth.openOnNetwork", "auth.open", "listen"],
    check: ({ auth, listen }) =>
      auth.open ? openOnNetwork(auth.openOnNetwork, listen) : undefined,
  },
  { keys: ["mirrors"], check: ({ mirrors }) => mirrorsApart(mirrors) },
  {
    keys: ["storage.s3.bucket", "storage.driver"],
    check: ({ storage }) =>
      storage.driver !== "s3" || storage.s3.bucket !== undefined
        ? undefined
        : { what: "storage.driver is s3", found: "nothing", allowed: "the name of a bucket" },
  },
  {
    keys: ["storage.s3.accessKeyId", "storage.s3.secretAccessKey"],
    check: ({ storage: { s3 } }) =>
      (s3.accessKeyId === undefined) === (s3.secretAccessKey === undefined)
        ? undefined
        : {
            what: "storage.s3.accessKeyId and storage.s3.secretAccessKey belong together",
            found: "one of them",
            allowed: "both, or none",
          },
  },
  {
    keys: ["workers", "storage.driver"],
    check: ({ workers, storage }) =>
      workers === 1 || storage.driver !== "memory"
        ? undefined
        : {
            what: "blobs in memory are in the memory of one process, and the others would not find them",
            found: String(workers),
            allowed: "1, or another storage.driver",
          },
  },
];

function mirrorsApart(mirrors: Config["mirrors"]): Omit<ConfigProblem, "key"> | undefined {
  const namespaces = mirrors.map(({ namespace }) => namespace);
  const twice = namespaces.find((name, at) => namespaces.indexOf(name) !== at);
  if (twice !== undefined)
    return { what: `two mirrors have the namespace ${twice}`, allowed: "one mirror a namespace" };
  const reserved = namespaces.find((name) => name === "library");
  if (reserved !== undefined)
    return {
      what: "library is where images without a namespace are",
      allowed: "another namespace",
    };
  const roots = mirrors.filter(({ root }) => root).map(({ namespace }) => namespace);
  if (roots.length > 1)
    return { what: `${roots.join(" and ")} both have root: true`, allowed: "one root" };
  const pushed = mirrors
    .flatMap(({ schedule }) => schedule)
    .find(({ target, platforms }) => target !== undefined && platforms.length > 0);
  if (pushed !== undefined)
    return {
      what: `${pushed.image} is pushed to ${pushed.target}, and an index goes with all its platforms or not at all`,
      allowed: "no platforms beside target",
    };
  return undefined;
}

function openOnNetwork(
  allowed: boolean,
  listen: Config["listen"],
): Omit<ConfigProblem, "key"> | undefined {
  if (allowed || isLoopback(listen.host)) return undefined;
  return {
    what: `other machines reach ${formatListenAddress(listen)}, where open mode lets everybody push and delete`,
    found: "false",
    allowed:
      "true, if that is what you want: auth.openOnNetwork: true or BERTH_AUTH_OPEN_ON_NETWORK=true; or listen on 127.0.0.1:5000",
  };
}

/** Warnings about valid but unusual settings. The server logs them at the start, `berth config check` prints them. */
export function warningsOf(config: Config): readonly string[] {
  return [...proxyWarnings(config), ...config.mirrors.flatMap(mirrorWarnings)];
}

function proxyWarnings({ publicUrl, trustedProxies, tls }: Config): readonly string[] {
  const isProxied = publicUrl?.startsWith("https:") === true && tls === undefined;
  if (isProxied && trustedProxies.length === 0)
    return [
      "publicUrl is https and Berth serves http, so a proxy is in front of it: set trustedProxies to the address of the proxy, or all clients count as one address for limits, logs and /metrics",
    ];
  if (publicUrl === undefined && trustedProxies.length > 0)
    return [
      "trustedProxies is set without publicUrl: set both, or the host in URLs is what the proxy passes on from the client",
    ];
  return [];
}

function mirrorWarnings(mirror: Config["mirrors"][number]): readonly string[] {
  const { namespace, upstream, username, visibility, allowPrivateNetwork } = mirror;
  const warnings: string[] = [];
  if (visibility === "public" && username !== undefined)
    warnings.push(
      `the mirror ${namespace} is public and has an account: everybody may pull what ${username} may pull at ${upstream}; set visibility: private if not all of that is public`,
    );
  const host = new URL(upstream).hostname.replaceAll(/^\[|\]$/g, "");
  const isPrivate = isIP(host) !== 0 && ipaddr.process(host).range() !== "unicast";
  if (isPrivate && !allowPrivateNetwork)
    warnings.push(
      `the upstream of the mirror ${namespace} has the address ${host}, which is not public: it is never asked without allowPrivateNetwork: true`,
    );
  return warnings;
}
