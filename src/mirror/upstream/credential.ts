import type { MirrorSettings } from "../settings.ts";

/** The account of a mirror at its upstream, and where its password may be sent. */
export interface Credential {
  /** The value of `Authorization`; `undefined`: the mirror has no account. */
  readonly basic: string | undefined;
  /**
   * The upstream itself (same scheme, host and port), and the hosts of `tokenHosts`; never a host that merely has a
   * similar name, and never without encryption where the upstream has it.
   */
  mayGoTo(url: URL): boolean;
}

/** Token services that are known to belong to a registry at another host. */
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
  // `URL.host` leaves out the port that the scheme implies, as the configuration may.
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
