import type { MirrorSettings } from "../settings.ts";

/** The account of a mirror at its upstream, and the hosts that may receive its password. */
export interface Credential {
  /** The value of `Authorization`; `undefined`: the mirror has no account. */
  readonly basic: string | undefined;
  /**
   * Whether the password may go to the URL: the upstream's origin (same scheme, host and port), and the hosts of
   * `tokenHosts` with the upstream's scheme. Hosts match exactly, and an `https:` upstream never allows `http:`.
   */
  mayGoTo(url: URL): boolean;
}

/** Token services at another host than their registry. */
const knownTokenHosts: ReadonlyMap<string, readonly string[]> = new Map([
  ["registry-1.docker.io", ["auth.docker.io"]],
  ["index.docker.io", ["auth.docker.io"]],
]);

export function createCredential({
  upstream,
  username,
  password = "",
  tokenHosts,
}: Pick<MirrorSettings, "upstream" | "username" | "password" | "tokenHosts">): Credential {
  const base = new URL(upstream);
  const known = base.protocol === "https:" ? (knownTokenHosts.get(base.host) ?? []) : [];
  // `URL.host` omits the default port of the scheme; the configuration may omit it too.
  const hosts = new Set([...known, ...tokenHosts.map((host) => host.toLowerCase())]);
  const basic =
    username === undefined
      ? undefined
      : `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  return {
    basic,
    mayGoTo: (url) =>
      url.origin === base.origin || (url.protocol === base.protocol && hosts.has(url.host)),
  };
}
