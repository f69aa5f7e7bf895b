import type { Database } from "../database/contract.ts";
import type { ActivityEntry } from "../database/events/activity.ts";
import type { RepositoryName } from "../oci/name.ts";

interface ActivityRequest {
  readonly before?: number | undefined;
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly limit: number;
  /** Also changes of the permissions of single users. */
  readonly withAccess: boolean;
}

/** A change of the repository, or of one tag, manifest or blob. */
interface RepositoryChange extends ActivityEntry {
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

export interface Activity {
  /**
   * A page of the changes since the repository was created, the newest first. It may have fewer entries than `limit`, or
   * none, and still a next page.
   */
  page(
    repository: RepositoryName,
    request: ActivityRequest,
  ): Promise<{
    readonly entries: readonly RepositoryChange[];
    readonly next: number | undefined;
  }>;
}

export function createActivity(parts: { readonly database: Pick<Database, "activity"> }): Activity {
  const { database } = parts;
  return {
    async page(repository, { withAccess, ...request }) {
      const except = withAccess ? undefined : "repo.collaborator";
      const page = await database.activity.page({ ...request, repository, except });
      return {
        next: page.next,
        entries: page.entries.map((entry) => ({
          ...entry,
          ...partOf(entry.subject.slice(repository.length)),
        })),
      };
    },
  };
}

/** @param rest of the subject after the name: `:TAG`, `@DIGEST` or empty */
function partOf(rest: string): Pick<RepositoryChange, "tag" | "digest"> {
  return {
    tag: rest.startsWith(":") ? rest.slice(1) : undefined,
    digest: rest.startsWith("@") ? rest.slice(1) : undefined,
  };
}
