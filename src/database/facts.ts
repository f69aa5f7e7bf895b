import type { RepositoryName } from "../oci/name.ts";
import type { Reference } from "../oci/reference.ts";
import type { StoredManifest } from "./registry/manifests.ts";

/**
 * What the policy and the manifest fast path need to know for most requests. Facts are not stale when they are returned:
 * they were read, or compared with the database, in this turn of the event loop.
 */
export interface Facts {
  readonly repositories: CachedRead<[name: RepositoryName], RepositoryFacts>;
  /** `undefined`: there is no such manifest. */
  readonly manifests: CachedRead<
    [repository: RepositoryName, reference: Reference],
    StoredManifest | undefined
  >;
}

interface CachedRead<Key extends readonly unknown[], Value> {
  /** Without waiting; `undefined`: not known yet, so use {@link get}. */
  getCached(...key: Key): Value | undefined;
  get(...key: Key): Promise<Value>;
}

/** The facts of a repository that the policy needs on every request, whether it exists or not. */
export interface RepositoryFacts {
  readonly name: RepositoryName;
  readonly isThere: boolean;
  readonly isPublic: boolean;
  /** Number of the last removal of a repository of this name; 0 if there was none. */
  readonly removal: number;
  /** The repository exists, or existed before. */
  readonly isHosted: boolean;
  /** An account has the name of the namespace, or the namespace has repositories. */
  readonly hasNamespace: boolean;
}
