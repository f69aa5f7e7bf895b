import { sql } from "kysely";

/** Said literally, so that the planner sees that the unique index on digests in force answers the query. */
export const notDeleting = sql<boolean>`blobs.state <> 'deleting'`;
