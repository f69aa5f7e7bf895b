import type { Actor } from "../database/permissions/authority.ts";
import type { VisibilityFilter } from "../database/catalog/visibility-filter.ts";
import type { Database } from "../database/contract.ts";
import { isRejection } from "../database/rejections.ts";
import type { Repository } from "../database/registry/repositories.ts";
import type { Page } from "../database/query-parts.ts";
import type { Visibility } from "../database/registry/schema.ts";
import { OciError } from "../oci/errors.ts";
import { namespaceOf, type RepositoryName } from "../oci/name.ts";
import { parseTagPatterns } from "../oci/tag-patterns.ts";
import type { Clock } from "./leases.ts";
import { rejectionError, unknownName } from "./errors.ts";
import type { PageRequest } from "./tags.ts";
import type { Uploads } from "./uploads/uploads.ts";

export type Repositories = ReturnType<typeof createRepositories>;

/** `get`, `setVisibility`, `setImmutableTags` and `delete` throw NAME_UNKNOWN if there is no such repository. */
export function createRepositories(parts: {
  readonly database: Pick<Database, "catalog" | "repositories" | "commands">;
  readonly clock: Clock;
  readonly uploads: Pick<Uploads, "forgetUnpersisted" | "abandon">;
}) {
  const { database, clock, uploads } = parts;

  return {
    /** The names of the repositories that pass the visibility filter, in bytewise order. */
    list: (visibility: VisibilityFilter, page: PageRequest): Promise<Page<RepositoryName>> =>
      database.catalog.list(visibility, page),

    async get(repository: RepositoryName): Promise<Repository> {
      const found = await database.repositories.find(repository);
      if (found === undefined) throw unknownName(repository);
      return found;
    },

    /**
     * Creates an empty repository, which the collector keeps without a manifest. Resolves with false if the repository
     * exists; its visibility does not change then. Throws DENIED if the actor may not create it.
     */
    async create(
      actor: Actor,
      repository: RepositoryName,
      visibility: Visibility,
    ): Promise<boolean> {
      const making = { actor, repository, visibility, nowMs: clock() };
      const made = await database.commands.createRepository(making);
      if (isRejection(made)) throw rejectionError(made, repository);
      return made === "created";
    },

    async setVisibility(
      actor: Actor,
      repository: RepositoryName,
      visibility: Visibility,
    ): Promise<void> {
      const set = { actor, repository, visibility, nowMs: clock() };
      if (!(await database.commands.setVisibility(set))) throw unknownName(repository);
    },

    /**
     * `null`: no tag is immutable; an empty list: all tags are immutable. Throws TAG_INVALID for an invalid pattern.
     */
    async setImmutableTags(
      actor: Actor,
      repository: RepositoryName,
      texts: readonly string[] | null,
    ): Promise<void> {
      const patterns = texts === null ? null : await parseTagPatterns(texts);
      const set = { actor, repository, patterns, nowMs: clock() };
      if (!(await database.commands.setImmutableTags(set))) throw unknownName(repository);
    },

    /**
     * Deletes a repository with its content and ends its open uploads. The collector frees the blobs that no other
     * repository links.
     */
    async delete(actor: Actor, repository: RepositoryName): Promise<void> {
      uploads.forgetUnpersisted(repository);
      const removal = { actor, repository, nowMs: clock() };
      const removed = await database.commands.deleteRepository(removal);
      if (removed === undefined) throw unknownName(repository);
      await Promise.all(removed.uploads.map(uploads.abandon));
    },
  };
}

/**
 * Rejects changes to repositories in mirrored namespaces: a mirror has the content of its upstream, and the
 * configuration decides its permissions. The HTTP API rejects the same changes. Throws DENIED.
 */
export function denyChangesToMirrored(
  repositories: Repositories,
  mirrors: Pick<ReadonlySet<string>, "has">,
): Repositories {
  const demandHosted = (repository: RepositoryName): void => {
    const namespace = namespaceOf(repository);
    if (!mirrors.has(namespace)) return;
    throw new OciError(
      "DENIED",
      `${namespace} is a mirror: its content is that of its upstream, and its settings decide its visibility`,
    );
  };
  return {
    ...repositories,
    async create(actor, repository, visibility) {
      demandHosted(repository);
      return await repositories.create(actor, repository, visibility);
    },
    async setVisibility(actor, repository, visibility) {
      demandHosted(repository);
      await repositories.setVisibility(actor, repository, visibility);
    },
    async setImmutableTags(actor, repository, texts) {
      demandHosted(repository);
      await repositories.setImmutableTags(actor, repository, texts);
    },
  };
}
