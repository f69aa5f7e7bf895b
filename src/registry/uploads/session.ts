import type { Actor } from "../../metadata/audit.ts";
import type { Metadata } from "../../metadata/metadata.ts";
import type { UploadRow } from "../../metadata/schema.ts";
import { OciError } from "../../oci/errors.ts";
import type { RepositoryName } from "../../oci/name.ts";

/** A session, as somebody speaks of it who may push to the repository. */
export interface Claim {
  readonly actor: Actor;
  readonly repository: RepositoryName;
  readonly id: string;
}

/** A session that is open, and whoever goes on with it. */
export type Session = UploadRow & Claim;

/** Throws BLOB_UPLOAD_UNKNOWN unless the session is one of this repository that this account began. */
export async function findSession(
  metadata: Pick<Metadata, "uploads">,
  { actor, repository, id }: Claim,
): Promise<Session> {
  const row = await metadata.uploads.find(id);
  if (row?.repository !== repository || row.account_id !== actor.accountId)
    throw new OciError("BLOB_UPLOAD_UNKNOWN");
  return { ...row, actor };
}
