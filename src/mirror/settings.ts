/** One entry of `mirrors` in the configuration. Times in milliseconds, sizes in bytes. */
export interface MirrorSettings {
  /** The first component of the mirror's repository names, and the value of `ns`: `docker.io`. */
  readonly namespace: string;
  /** Base URL of the registry, without `/v2/`. */
  readonly upstream: string;
  /** Other values of `ns` for the same registry. */
  readonly aliases: readonly string[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** `HOST` or `HOST:PORT` of token services to which the mirror may send the password, besides the upstream itself. */
  readonly tokenHosts: readonly string[];
  readonly visibility: "private" | "public";
  /** This mirror answers for repository names that this registry does not host. */
  readonly root: boolean;
  /** Globs of upstream repository names. An empty list allows all. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly ttl: {
    readonly tag: number;
    readonly missing: number;
    readonly tagsList: number;
    readonly referrers: number;
  };
  readonly cacheSize?: number | undefined;
  /** When a client pulls a layer, the mirror also downloads this many of the layers after it. */
  readonly prefetch: number;
  readonly allowPrivateNetwork: boolean;
  readonly tls: { readonly ca?: string | undefined; readonly insecure: boolean };
  /** Hosts from which the mirror may fetch foreign layers. An empty list: the mirror fetches none. */
  readonly foreignLayerHosts: readonly string[];
  readonly idle: number;
  readonly schedule: readonly ScheduleSettings[];
}

/** A sync pull or sync push, scheduled or manual. */
export interface ScheduleSettings {
  /** A cron expression. Without it, only `berth mirror sync` runs the entry. */
  readonly cron?: string | undefined;
  /** The upstream repository to copy from (`library/alpine`). With `target`: the hosted repository to push. */
  readonly image: string;
  /** The repository name at the upstream for a sync push. Without it, the entry is a sync pull. */
  readonly target?: string | undefined;
  /** Globs of tag names. */
  readonly tags: readonly string[];
  /** A semver range that the tags must match. */
  readonly semver?: string | undefined;
  /** Copies only this many of the newest selected versions. */
  readonly keepNewest?: number | undefined;
  /** `os/architecture[/variant]`. An empty list copies all platforms. */
  readonly platforms: readonly string[];
  readonly referrers: boolean;
}
