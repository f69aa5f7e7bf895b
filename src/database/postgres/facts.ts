import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Reference } from "../../oci/reference.ts";
import type { Facts, RepositoryFacts } from "../facts.ts";
import type { LinkedBlob } from "../registry/blobs.ts";
import type { UploadRow } from "../registry/schema.ts";
import type { PostgresPool } from "./connection.ts";
import { FactReader, type FactAnswers } from "./fact-reader.ts";
import { blobKeyOf, keyOf, type AskedBlob, type AskedManifest } from "./fact-statement.ts";

/** Later requests share the next statement, which waits for this time at most: one may have a dead connection. */
const waitMs = 100;

/** What the requests since the last statement ask for. */
class Batch {
  readonly names = new Set<RepositoryName>();
  readonly manifests = new Map<string, AskedManifest>();
  readonly blobs = new Map<string, AskedBlob>();
  readonly uploads = new Set<string>();
  readonly answers: Promise<FactAnswers>;
  begin = (): void => undefined;

  constructor(read: (batch: Batch) => Promise<FactAnswers>) {
    this.answers = new Promise<void>((resolve) => (this.begin = resolve)).then(() => read(this));
  }
}

/** The reads of single rows that most requests need. */
export interface BatchedReads {
  readonly facts: Facts;
  /** As `find` of the uploads. */
  readonly findUpload: (id: string) => Promise<UploadRow | undefined>;
}

/**
 * Makes the batch of a new request. A request never joins a statement that has begun, which may not see what was committed
 * before the request.
 */
function createBatches(pool: PostgresPool): () => Batch {
  const reader = new FactReader(pool);
  let next: Batch | undefined;
  let running: Batch | undefined;

  const begin = (): void => {
    if (next === undefined || running !== undefined) return;
    running = next;
    next = undefined;
    running.begin();
  };
  const proceed = (batch: Batch): void => {
    if (running !== batch) return;
    running = undefined;
    begin();
  };
  const read = async (batch: Batch): Promise<FactAnswers> => {
    const timer = setTimeout(proceed, waitMs, batch);
    try {
      return await reader.read(batch);
    } finally {
      clearTimeout(timer);
      proceed(batch);
    }
  };
  return () => {
    if (next === undefined) setImmediate(begin);
    return (next ??= new Batch(read));
  };
}

/**
 * Facts, blobs and uploads from PostgreSQL. One statement answers all requests of a turn of the event loop, and those
 * that came during the statement before: a statement per request would cost two thirds of the requests per second.
 */
export function createBatchedReads(pool: PostgresPool): BatchedReads {
  const nextBatch = createBatches(pool);
  const ask = (
    repository: RepositoryName | undefined,
    manifest?: AskedManifest,
  ): Promise<FactAnswers> => {
    const batch = nextBatch();
    if (repository !== undefined) batch.names.add(repository);
    if (manifest !== undefined) batch.manifests.set(keyOf(manifest), manifest);
    return batch.answers;
  };
  const askBlob = (repository: RepositoryName, digest: Digest): Promise<FactAnswers> => {
    const asked = { repository, digest };
    const batch = nextBatch();
    batch.blobs.set(blobKeyOf(asked), asked);
    return batch.answers;
  };
  const facts: Facts = {
    repositories: {
      get: async (name) => repositoryOf(await ask(name), name),
    },
    manifests: {
      async get(repository, reference) {
        const asked = { repository, reference };
        return (await ask(undefined, asked)).manifests.get(keyOf(asked));
      },
    },
    blobs: {
      get: async (repository, digest) =>
        blobOf(await askBlob(repository, digest), repository, digest),
    },
    async ofBlob(repository, digest) {
      nextBatch().names.add(repository);
      const answers = await askBlob(repository, digest);
      return {
        repository: repositoryOf(answers, repository),
        blob: blobOf(answers, repository, digest),
      };
    },
    async ofManifest(repository: RepositoryName, reference: Reference) {
      const asked = { repository, reference };
      const answers = await ask(repository, asked);
      return {
        repository: repositoryOf(answers, repository),
        manifest: answers.manifests.get(keyOf(asked)),
      };
    },
  };
  return {
    facts,
    async findUpload(id) {
      const batch = nextBatch();
      batch.uploads.add(id);
      return (await batch.answers).uploads.get(id);
    },
  };
}

function repositoryOf({ repositories }: FactAnswers, name: RepositoryName): RepositoryFacts {
  const facts = repositories.get(name);
  if (facts === undefined) throw new Error(`PostgreSQL gave no facts of ${name}`);
  return facts;
}

const blobOf = (
  { blobs }: FactAnswers,
  repository: RepositoryName,
  digest: Digest,
): LinkedBlob | undefined => blobs.get(blobKeyOf({ repository, digest }))?.found;
