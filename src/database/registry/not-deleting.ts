import { sql } from "kysely";

/**
 * A literal instead of a parameter, so that the query planner uses the unique index on the digests of blobs that are
 * not deleting.
 */
export const notDeleting = sql<boolean>`blobs.state <> 'deleting'`;
