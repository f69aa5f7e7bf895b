import type { BlobStore } from "../../storage/blob-store.ts";
import type { Database } from "../database/contract.ts";
import { DatabaseError } from "../database/errors.ts";
import { algorithmOf, digestOf } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Clock } from "../registry/leases.ts";
import {
  checkBlobSizes,
  markMissing,
  missingBlobs,
  restore,
  verifyBlob,
  type Warnings,
} from "../registry/blob-verification.ts";
import { findOrphans } from "./collector.ts";

/** A violated invariant. */
export interface Finding {
  readonly invariant:
    | "the database is sound"
    | "a manifest's bytes have its digest"
    | "the references of a manifest are in its repository"
    | "a blob's bytes are in the store"
    | "every file has a row"
    | "a quota counts the linked bytes of its namespace";
  /** The violating item and its state. */
  readonly subject: string;
  /** The action of `--repair`. `undefined`: only a push or a restored backup repairs the item. */
  readonly repair?: {
    readonly what: string;
    readonly mends: boolean;
    readonly apply: () => Promise<unknown>;
  };
}

const manifestsAtOnce = 64;

interface CheckParts {
  readonly store: BlobStore;
  readonly database: Database;
  readonly clock: Clock;
  /** Gets a warning for each repair. */
  readonly report: Warnings;
  /** A file without a row is ignored for this long, because its row may not be committed yet. */
  readonly graceMs: number;
  /** Whether the manifests of a repository may name missing items, as those of a mirror do. */
  readonly isSparse: (repository: RepositoryName) => boolean;
}

/** Yields the violated invariants of database and store, and changes nothing. Calls `seen` for each checked item. */
export async function* check(parts: CheckParts, seen: () => void): AsyncGenerator<Finding> {
  const damage = await damageOf(parts.database);
  for (const subject of damage) yield { invariant: "the database is sound", subject };
  // The rows of a damaged database are not reliable.
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

/** The errors of the database's integrity check. If the file is too damaged for the check, the error of the check. */
async function damageOf(database: Database): Promise<readonly string[]> {
  try {
    return await database.integrity(false);
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.failure !== "damaged") throw error;
    return [`${error.message} (${error.code}); restore a backup`];
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
          invariant: "the references of a manifest are in its repository",
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
      invariant: "a quota counts the linked bytes of its namespace",
      subject: `${namespace}: the quota counts ${keptBytes} bytes, the namespace links ${usedBytes}`,
      repair: {
        what: "recounted the quota",
        mends: true,
        apply: () => database.commands.recountQuota({ namespace }),
      },
    };
  }
}

async function* checkBlobs(
  { store, database, report }: CheckParts,
  seen: () => void,
): AsyncGenerator<Finding> {
  // Check missing blobs first: the loop below may mark more blobs as missing, which would then be reported twice.
  for await (const blob of missingBlobs(database)) {
    const { state } = await verifyBlob(store, blob, () => Promise.resolve());
    const isBack = state === "whole";
    yield {
      invariant: "a blob's bytes are in the store",
      subject: `${blob.digest}: marked as missing${isBack ? ", but its bytes are there" : "; push it again"}`,
      ...(isBack && {
        repair: {
          what: "restored it",
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
        what: "marked it as missing; push it again to repair it",
        mends: false,
        apply: () => markMissing({ database, report }, blob, `check: ${state}`),
      },
    };
  }
}
