import type { BlobStore } from "../../storage/blob-store.ts";
import type { Database } from "../database/database.ts";
import { algorithmOf, digestOf } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Clock } from "../registry/leases.ts";
import { markMissing, missingBlobs, restore, type Warnings } from "../registry/missing-blobs.ts";
import { checkBlobSizes, verifyBlob } from "../registry/blob-verification.ts";
import { findOrphans } from "./orphans.ts";

/** One thing that is not as it must be. */
export interface Finding {
  readonly invariant:
    | "the database is sound"
    | "a manifest's bytes have its digest"
    | "what a manifest names is in its repository"
    | "a blob's bytes are in the store"
    | "every file has a row"
    | "a quota counts what its namespace links to";
  /** What it is about, and what was found. */
  readonly subject: string;
  /** What `--repair` does about it; `undefined`: only a push or a restored backup can. */
  readonly repair?: {
    readonly what: string;
    readonly mends: boolean;
    readonly apply: () => Promise<unknown>;
  };
}

const manifestsAtOnce = 64;

export interface CheckParts {
  readonly store: BlobStore;
  readonly database: Database;
  readonly clock: Clock;
  /** Hears of repairs. */
  readonly report: Warnings;
  /** A file without a row is left alone for this long: its row may be on the way. */
  readonly graceMs: number;
  /** Whether the manifests of a repository may name what is not here, as those of a mirror do. */
  readonly isSparse: (repository: RepositoryName) => boolean;
}

/** Walks rows and store and says what is broken. Changes nothing. `seen` is told of each thing looked at. */
export async function* check(parts: CheckParts, seen: () => void): AsyncGenerator<Finding> {
  const damage = await damageOf(parts.database);
  for (const subject of damage) yield { invariant: "the database is sound", subject };
  // What a damaged database says of blobs and manifests means nothing.
  if (damage.length > 0) return;
  yield* checkManifests(parts, seen);
  yield* checkBlobs(parts, seen);
  yield* checkQuotas(parts);
  for await (const orphan of findOrphans(parts)) {
    yield {
      invariant: "every file has a row",
      subject: `${orphan.key}, ${orphan.sizeBytes} bytes`,
      repair: {
        what: "removed the file",
        mends: true,
        apply: () => parts.store.delete(orphan.key),
      },
    };
  }
}

/** What SQLite finds wrong; one that cannot even be checked says why. */
async function damageOf(database: Database): Promise<readonly string[]> {
  try {
    return await database.maintenance.integrity(false);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (!/^SQLITE_(?:CORRUPT|NOTADB)/.test(code)) throw error;
    return [`${error instanceof Error ? error.message : ""} (${code}); restore a backup`];
  }
}

async function* checkManifests(
  { database, isSparse }: CheckParts,
  seen: () => void,
): AsyncGenerator<Finding> {
  let after = 0;
  for (;;) {
    const manifests = await database.maintenance.manifests({ after, limit: manifestsAtOnce });
    for (const { id, repository, digest, content } of manifests) {
      seen();
      after = id;
      if (digestOf(content, algorithmOf(digest)) !== digest) {
        yield {
          invariant: "a manifest's bytes have its digest",
          subject: `${repository}@${digest}`,
        };
      }
      if (isSparse(repository)) continue;
      for (const absent of await database.maintenance.absentReferences(id)) {
        yield {
          invariant: "what a manifest names is in its repository",
          subject: `${repository}@${digest} names ${absent.kind} ${absent.digest}`,
        };
      }
    }
    if (manifests.length < manifestsAtOnce) return;
  }
}

async function* checkQuotas({ database }: CheckParts): AsyncGenerator<Finding> {
  for (const { namespace, usedBytes, keptBytes } of await database.quotas.list()) {
    if (keptBytes === null || keptBytes === usedBytes) continue;
    yield {
      invariant: "a quota counts what its namespace links to",
      subject: `${namespace}: ${keptBytes} bytes are written down, ${usedBytes} are linked`,
      repair: {
        what: "counted again",
        mends: true,
        apply: () => database.run("recountQuota", { namespace }),
      },
    };
  }
}

async function* checkBlobs(
  { store, database, report }: CheckParts,
  seen: () => void,
): AsyncGenerator<Finding> {
  // Missing blobs first: those that a repair marks below would come up twice.
  for await (const blob of missingBlobs(database)) {
    const { state } = await verifyBlob(store, blob, () => Promise.resolve());
    const isBack = state === "whole";
    yield {
      invariant: "a blob's bytes are in the store",
      subject: `${blob.digest}: ${isBack ? "marked as missing, but its bytes are there" : "known to be missing; push it again"}`,
      ...(isBack && {
        repair: {
          what: "showed it again",
          mends: true,
          apply: () => restore({ database, report }, blob),
        },
      }),
    };
  }
  const blobs = database.maintenance.blobs;
  for await (const { blob, state } of checkBlobSizes({ store, blobs })) {
    seen();
    if (state === "whole") continue;
    yield {
      invariant: "a blob's bytes are in the store",
      subject: `${blob.digest}: ${state === "absent" ? "no file" : "a file of another size"}`,
      repair: {
        what: "marked it as missing; push it again to heal it",
        mends: false,
        apply: () => markMissing({ database, report }, blob, `check: ${state}`),
      },
    };
  }
}
