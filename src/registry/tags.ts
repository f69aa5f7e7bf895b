import type { Actor } from "../database/permissions/authority.ts";
import { isRejection } from "../database/rejections.ts";
import type { Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Tag } from "../oci/reference.ts";
import type { Database } from "../database/contract.ts";
import type { LeasePolicy } from "./leases.ts";
import { rejectionError, unknownName } from "./errors.ts";
import type { Page } from "../database/query-parts.ts";

/** A page of a list: the entries after `last`, which need not exist, and at most `limit` entries. */
export interface PageRequest {
  readonly last: string | undefined;
  readonly limit: number;
}

const tagsAtOnce = 100;

export type Tags = ReturnType<typeof createTags>;

export function createTags(parts: {
  readonly database: Pick<Database, "tags" | "commands">;
  readonly leasePolicy: LeasePolicy;
}) {
  const { database, leasePolicy } = parts;
  return {
    /** The tags in bytewise order. Throws NAME_UNKNOWN if there is no such repository. */
    async list(repository: RepositoryName, page: PageRequest): Promise<Page<Tag>> {
      const found = await database.tags.list(repository, page);
      if (found === undefined) throw unknownName(repository);
      return found;
    },

    /** Deletes tags; their manifests stay. Transactions of 100 tags; a failure leaves the deleted ones deleted. */
    async delete(
      actor: Actor,
      repository: RepositoryName,
      tags: readonly Tag[],
    ): Promise<{ readonly deleted: ReadonlySet<Tag>; readonly immutable: ReadonlySet<Tag> }> {
      const [deleted, immutable] = [new Set<Tag>(), new Set<Tag>()];
      for (let at = 0; at < tags.length; at += tagsAtOnce) {
        const some = tags.slice(at, at + tagsAtOnce);
        const change = { actor, repository, tags: some, ...leasePolicy.eventTimes() };
        const result = await database.commands.deleteTags(change);
        for (const tag of result.deleted) deleted.add(tag);
        for (const tag of result.immutable) immutable.add(tag);
      }
      return { deleted, immutable };
    },

    /**
     * Points a tag to an earlier manifest: to `digest`, or to the last other manifest that still exists. Throws
     * NAME_UNKNOWN, MANIFEST_UNKNOWN if the tag never pointed to `digest` or the manifest is gone, and DENIED if the
     * tag is immutable.
     */
    async rollBack(
      actor: Actor,
      repository: RepositoryName,
      tag: Tag,
      digest: Digest | undefined,
    ): Promise<Digest> {
      const change = { actor, repository, tag, digest, ...leasePolicy.eventTimes() };
      const result = await database.commands.rollBackTag(change);
      if (isRejection(result)) throw rejectionError(result, repository);
      switch (result.outcome) {
        case "done":
          return result.digest;
        case "no repository":
          throw unknownName(repository);
        case "no such past":
          throw new OciError(
            "MANIFEST_UNKNOWN",
            digest === undefined
              ? `${tag} has not pointed to another manifest that still exists`
              : `${tag} has never pointed to ${digest}, or that manifest is gone`,
            { detail: { tag, digest } },
          );
      }
    },
  };
}
