import type { Database as SqliteConnection } from "better-sqlite3";
import type { RepositoryName } from "../../oci/name.ts";
import type { Reference } from "../../oci/reference.ts";
import type { StoredManifest } from "../manifests.ts";

/** Manifests that are asked for again and again, answered without a query while the database has not changed. */
export interface HotManifests {
  /** As `manifests.find`, at once. */
  find(repository: RepositoryName, reference: Reference): StoredManifest | undefined;
  /** Something may have been written: look before the next answer, not only in the next turn of the event loop. */
  recheck(): void;
}

const rowsAtMost = 10_000;
const bytesAtMost = 32 * 1024 * 1024;

const selection = `
  SELECT manifests.digest AS digest, manifests.media_type AS mediaType,
         manifests.content AS content, manifests.leased_until AS leasedUntilMs
  FROM repositories JOIN manifests ON manifests.repository_id = repositories.id`;

/**
 * SQLite says with `data_version` whether any other connection, of whatever process, has committed since. It is asked
 * once a turn of the event loop, which costs 2 µs for all requests of that turn; when it has moved, all rows are dropped.
 */
export function createHotManifests(connection: SqliteConnection): HotManifests {
  const version = connection.prepare("PRAGMA data_version").pluck();
  const byTag = connection.prepare(
    `${selection} JOIN tags ON tags.manifest_id = manifests.id AND tags.repository_id = repositories.id
     WHERE repositories.name = ? AND tags.name = ?`,
  );
  const byDigest = connection.prepare(
    `${selection} WHERE repositories.name = ? AND manifests.digest = ?`,
  );
  const rows = new Map<string, StoredManifest>();
  let bytes = 0;
  let known: unknown;
  let checked = false;

  const forget = (): void => {
    rows.clear();
    bytes = 0;
  };
  const refresh = (): void => {
    if (checked) return;
    const now = version.get();
    if (now !== known) forget();
    known = now;
    checked = true;
    setImmediate(() => {
      checked = false;
    });
  };

  return {
    find(repository, reference) {
      refresh();
      const text = reference.kind === "tag" ? reference.tag : reference.digest;
      const key = `${repository} ${text}`;
      const held = rows.get(key);
      if (held !== undefined) return held;
      const statement = reference.kind === "tag" ? byTag : byDigest;
      const found = statement.get(repository, text) as StoredManifest | undefined;
      if (found === undefined) return undefined;
      bytes += found.content.length;
      if (rows.size >= rowsAtMost || bytes > bytesAtMost) {
        forget();
        bytes = found.content.length;
      }
      rows.set(key, found);
      return found;
    },
    recheck() {
      checked = false;
    },
  };
}
