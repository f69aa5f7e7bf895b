/** One registry that is mirrored, as the configuration says it. Times in milliseconds, sizes in bytes. */
export interface MirrorSettings {
  /** The first component of its repositories here, and the value of `ns`: `docker.io`. */
  readonly namespace: string;
  /** Base URL of the registry, without `/v2/`. */
  readonly upstream: string;
  /** Other values of `ns` that mean the same registry. */
  readonly aliases: readonly string[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** `HOST` or `HOST:PORT` of token services that may be sent the password, beside the upstream itself. */
  readonly tokenHosts: readonly string[];
  readonly visibility: "private" | "public";
  /** Names that are not hosted here are looked up there. */
  readonly root: boolean;
  /** Globs of repository names as the upstream knows them; an empty list allows all. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly ttl: {
    readonly tag: number;
    readonly missing: number;
    readonly tagsList: number;
    readonly referrers: number;
  };
  readonly cacheSize?: number | undefined;
  /** So many layers behind one that is pulled come with it, before they are asked for. */
  readonly prefetch: number;
  readonly allowPrivateNetwork: boolean;
  readonly tls: { readonly ca?: string | undefined; readonly insecure: boolean };
  /** Hosts from which foreign layers may be fetched; none: they stay where they are. */
  readonly foreignLayerHosts: readonly string[];
  readonly idle: number;
  readonly schedule: readonly ScheduleSettings[];
}

/** What is copied by itself. */
export interface ScheduleSettings {
  /** When, as cron writes it; without it only `berth mirror sync` does it. */
  readonly cron?: string | undefined;
  /** The repository as the upstream knows it: `library/alpine`; with `target` one that is hosted here. */
  readonly image: string;
  /** What it is to be called at the upstream, to which it is pushed; without it, it is copied from there. */
  readonly target?: string | undefined;
  /** Globs. */
  readonly tags: readonly string[];
  /** A range of versions. */
  readonly semver?: string | undefined;
  /** Of what is selected, so many of the newest versions. */
  readonly keepNewest?: number | undefined;
  /** `os/architecture[/variant]`; none: all. */
  readonly platforms: readonly string[];
  readonly referrers: boolean;
}

/** Proxies on the way out, as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say. */
export interface ProxySettings {
  readonly http?: string | undefined;
  readonly https?: string | undefined;
  readonly no?: string | undefined;
}
