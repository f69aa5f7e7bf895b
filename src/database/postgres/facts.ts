import type { RepositoryName } from "../../oci/name.ts";
import type { Reference } from "../../oci/reference.ts";
import type { Facts, RepositoryFacts } from "../facts.ts";
import type { PostgresPool } from "./connection.ts";
import { FactReader, type FactAnswers } from "./fact-reader.ts";
import { keyOf, type AskedManifest } from "./fact-statement.ts";

/** Statements of facts that run at once. Later requests share the next one. */
const statementsAtOnce = 2;

/** What the requests of one turn ask for. */
interface Batch {
  readonly names: Set<RepositoryName>;
  readonly manifests: Map<string, AskedManifest>;
  readonly answers: Promise<FactAnswers>;
  readonly begin: () => void;
}

/**
 * Facts from PostgreSQL. One statement answers all requests of a turn of the event loop: a statement per request would
 * cost two thirds of the requests per second. A request never joins a statement that has begun, which may not see what
 * was committed before the request.
 */
export function createFacts(pool: PostgresPool): Facts {
  const reader = new FactReader(pool);
  let next: Batch | undefined;
  let running = 0;

  const begin = (): void => {
    if (next === undefined || running >= statementsAtOnce) return;
    const batch = next;
    next = undefined;
    running += 1;
    batch.begin();
  };
  const createBatch = (): Batch => {
    const names: Batch["names"] = new Set();
    const manifests: Batch["manifests"] = new Map();
    let start = (): void => undefined;
    const answers = new Promise<void>((resolve) => (start = resolve))
      .then(() => reader.read({ names, manifests }))
      .finally(() => {
        running -= 1;
        begin();
      });
    setImmediate(begin);
    return { names, manifests, answers, begin: start };
  };
  const ask = (
    repository: RepositoryName | undefined,
    manifest?: AskedManifest,
  ): Promise<FactAnswers> => {
    next ??= createBatch();
    if (repository !== undefined) next.names.add(repository);
    if (manifest !== undefined) next.manifests.set(keyOf(manifest), manifest);
    return next.answers;
  };
  const repositoryOf = ({ repositories }: FactAnswers, name: RepositoryName): RepositoryFacts => {
    const facts = repositories.get(name);
    if (facts === undefined) throw new Error(`PostgreSQL gave no facts of ${name}`);
    return facts;
  };

  return {
    repositories: {
      get: async (name) => repositoryOf(await ask(name), name),
    },
    manifests: {
      async get(repository, reference) {
        const asked = { repository, reference };
        return (await ask(undefined, asked)).manifests.get(keyOf(asked));
      },
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
}
