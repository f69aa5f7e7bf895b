import type { Actor } from "../../database/events/audit.ts";
import type { UploadRow } from "../../database/schema.ts";
import { OciError } from "../../oci/errors.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { UploadSessions } from "./sessions.ts";

/** A session, as somebody speaks of it who may push to the repository. */
export interface SessionRequest {
  readonly actor: Actor;
  readonly repository: RepositoryName;
  readonly id: string;
}

/** A session that is open, and whoever goes on with it. */
export type UploadSession = UploadRow & SessionRequest;

/** Throws BLOB_UPLOAD_UNKNOWN unless the session is one of this repository that this account began. */
export async function findSession(
  sessions: Pick<UploadSessions, "find">,
  { actor, repository, id }: SessionRequest,
): Promise<UploadSession> {
  const row = await sessions.find(id);
  if (row?.repository !== repository || row.account_id !== actor.accountId)
    throw new OciError("BLOB_UPLOAD_UNKNOWN");
  return { ...row, actor };
}

/** The session as it is recorded. */
export function rowOf(session: UploadSession): UploadRow {
  const { id, repository, storage_reference, started_at, touched_at, account_id } = session;
  return { id, repository, storage_reference, started_at, touched_at, account_id };
}
