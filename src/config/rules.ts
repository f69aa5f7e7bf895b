import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { formatAuditForward, formatListenAddress, isLoopback } from "./addresses.ts";
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
  {
    keys: ["publicUrl", "listen"],
    check: ({ publicUrl, listen }) =>
      listen.path === undefined || publicUrl !== undefined
        ? undefined
        : {
            what: "on a Unix socket the registry cannot know the address that clients use",
            found: "nothing",
            allowed: "the URL of the proxy in front of the socket",
          },
  },
  { keys: ["mirrors"], check: ({ mirrors }) => mirrorsApart(mirrors) },
  {
    keys: ["storage.s3.bucket", "storage.driver"],
    check: ({ storage }) =>
      storage.driver !== "s3" || storage.s3.bucket !== undefined
        ? undefined
        : {
            what: "storage.driver s3 needs a bucket",
            found: "nothing",
            allowed: "the name of a bucket",
          },
  },
  {
    keys: ["storage.s3.accessKeyId", "storage.s3.secretAccessKey"],
    check: ({ storage: { s3 } }) =>
      (s3.accessKeyId === undefined) === (s3.secretAccessKey === undefined)
        ? undefined
        : {
            what: "storage.s3.accessKeyId and storage.s3.secretAccessKey must be set together",
            found: "one of them",
            allowed: "both, or neither",
          },
  },
  {
    keys: ["audit.forwardSecret", "audit.forward"],
    check: ({ audit: { forward, forwardSecret } }) =>
      forwardSecret === undefined || forward?.kind === "webhook"
        ? undefined
        : {
            what: "audit.forwardSecret signs what a webhook gets, and audit.forward is none",
            found: forward === undefined ? "nothing" : formatAuditForward(forward),
            allowed: "no audit.forwardSecret; or the URL of a webhook in audit.forward",
          },
  },
  {
    keys: ["publicUrl", "database.url"],
    check: ({ database, publicUrl }) =>
      database.url === undefined || publicUrl !== undefined
        ? undefined
        : {
            what: "database.url needs publicUrl: the tokens of all replicas name it",
            found: "nothing",
            allowed: "the URL that clients use, of the load balancer",
          },
  },
  {
    keys: ["auth.keySecret", "database.url", "auth.open"],
    check: ({ database, auth }) =>
      database.url === undefined || auth.open || auth.keySecret !== undefined
        ? undefined
        : {
            what: "database.url needs auth.keySecret: it seals the signing keys in the database",
            found: "nothing",
            allowed: "a secret of at least 32 characters, the same for all replicas",
          },
  },
  {
    keys: ["storage.driver", "database.url"],
    check: ({ database, storage }) =>
      database.url === undefined || storage.driver !== "memory"
        ? undefined
        : {
            what: "the memory driver keeps blobs in one process: other replicas cannot read them",
            found: "memory",
            allowed: "s3; or filesystem, for one machine",
          },
  },
  {
    keys: ["workers", "storage.driver"],
    check: ({ workers, storage }) =>
      workers === 1 || storage.driver !== "memory"
        ? undefined
        : {
            what: "the memory driver keeps blobs in one process: other processes cannot read them",
            found: String(workers),
            allowed: "1, or another storage.driver",
          },
  },
];

const reservedNamespaces: ReadonlyMap<string, string> = new Map([
  ["library", "library is the namespace of images without a namespace"],
  ["berth", "the audit log uses berth for changes without an account"],
  ["mirror", "the audit log uses mirror for changes of mirrors"],
]);

/** The problems of several mirrors together. */
export function mirrorsApart(mirrors: Config["mirrors"]): Omit<ConfigProblem, "key"> | undefined {
  const namespaces = mirrors.map(({ namespace }) => namespace);
  const twice = namespaces.find((name, at) => namespaces.indexOf(name) !== at);
  if (twice !== undefined)
    return { what: `two mirrors have the namespace ${twice}`, allowed: "one mirror per namespace" };
  const reserved = namespaces.map((name) => reservedNamespaces.get(name)).find(Boolean);
  if (reserved !== undefined) return { what: reserved, allowed: "another namespace" };
  const roots = mirrors.filter(({ root }) => root).map(({ namespace }) => namespace);
  if (roots.length > 1)
    return {
      what: `${roots.join(" and ")} both have root: true`,
      allowed: "at most one mirror with root: true",
    };
  const pushed = mirrors
    .flatMap(({ schedule }) => schedule)
    .find(({ target, platforms }) => target !== undefined && platforms.length > 0);
  if (pushed !== undefined)
    return {
      what: `${pushed.image} is pushed to ${pushed.target}, and a push copies all platforms of an index`,
      allowed: "no platforms together with target",
    };
  return undefined;
}

function openOnNetwork(
  allowed: boolean,
  listen: Config["listen"],
): Omit<ConfigProblem, "key"> | undefined {
  if (allowed || isLoopback(listen.host)) return undefined;
  return {
    what: `other machines can reach ${formatListenAddress(listen)}, and in open mode everyone may push and delete`,
    found: "false",
    allowed:
      "true, to accept this (auth.openOnNetwork: true or BERTH_AUTH_OPEN_ON_NETWORK=true); or listen on 127.0.0.1:5000",
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
      "publicUrl is https and Berth serves http, so there is a proxy: set trustedProxies to its address; otherwise limits, logs and /metrics see the address of the proxy for all clients",
    ];
  if (publicUrl === undefined && trustedProxies.length > 0)
    return [
      "trustedProxies is set without publicUrl: set both; otherwise the host in URLs comes from the headers of clients",
    ];
  return [];
}

function mirrorWarnings(mirror: Config["mirrors"][number]): readonly string[] {
  const { namespace, upstream, username, visibility, allowPrivateNetwork } = mirror;
  const warnings: string[] = [];
  if (visibility === "public" && username !== undefined)
    warnings.push(
      `the mirror ${namespace} is public and has an account: everyone may pull what ${username} may pull at ${upstream}; set visibility: private if that is not intended`,
    );
  const host = new URL(upstream).hostname.replaceAll(/^\[|\]$/g, "");
  const isPrivate = isIP(host) !== 0 && ipaddr.process(host).range() !== "unicast";
  if (isPrivate && !allowPrivateNetwork)
    warnings.push(
      `the upstream of the mirror ${namespace} has the address ${host}, which is not public: set allowPrivateNetwork: true, or no request is sent to it`,
    );
  return warnings;
}
