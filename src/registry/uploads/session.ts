import type { Actor } from "../../database/events/audit.ts";
import type { UploadRow } from "../../database/schema.ts";
import { OciError } from "../../oci/errors.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { UploadSessions } from "./sessions.ts";

/** A session that a pusher names in a request. */
export interface SessionRequest {
  readonly actor: Actor;
  readonly repository: RepositoryName;
  readonly id: string;
}

/** An open session and the actor of the current request. */
export type UploadSession = UploadRow & SessionRequest;

/** Throws BLOB_UPLOAD_UNKNOWN unless the session belongs to this repository and this account began it. */
export async function findSession(
  sessions: Pick<UploadSessions, "find">,
  { actor, repository, id }: SessionRequest,
): Promise<UploadSession> {
  const row = await sessions.find(id);
  if (row?.repository !== repository || row.account_id !== actor.accountId)
    throw new OciError("BLOB_UPLOAD_UNKNOWN");
  return { ...row, actor };
}

/** The row of the session. */
export function rowOf(session: UploadSession): UploadRow {
  const { id, repository, storage_reference, started_at, touched_at, account_id } = session;
  return { id, repository, storage_reference, started_at, touched_at, account_id };
}
