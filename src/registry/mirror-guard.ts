import { OciError } from "../oci/errors.ts";
import { namespaceOf, type RepositoryName } from "../oci/name.ts";
import type { Repositories } from "./repositories.ts";

/**
 * Rejects changes to repositories in mirrored namespaces: a mirror has the content of its upstream, and the
 * configuration decides its permissions. The HTTP API rejects the same changes. Throws DENIED.
 */
export function denyChangesToMirrored(
  repositories: Repositories,
  namespaces: ReadonlySet<string>,
): Repositories {
  const demandOurs = (repository: RepositoryName): void => {
    const namespace = namespaceOf(repository);
    if (!namespaces.has(namespace)) return;
    const message = `${namespace} is a mirror: it has what its upstream has; who may pull is said in "mirrors"`;
    throw new OciError("DENIED", message);
  };
  return {
    ...repositories,
    async create(actor, repository, visibility) {
      demandOurs(repository);
      return await repositories.create(actor, repository, visibility);
    },
    async setVisibility(actor, repository, visibility) {
      demandOurs(repository);
      await repositories.setVisibility(actor, repository, visibility);
    },
    async setImmutableTags(actor, repository, texts) {
      demandOurs(repository);
      await repositories.setImmutableTags(actor, repository, texts);
    },
  };
}
