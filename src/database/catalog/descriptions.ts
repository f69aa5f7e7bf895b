import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { AuditContext } from "../accounts/accounts.ts";
import { writeAudit } from "../events/audit.ts";
import { findRepository } from "../registry/repositories.ts";
import type { Db } from "../schema.ts";

export interface SetDescription extends AuditContext {
  readonly repository: RepositoryName;
  /** An absent field stays unchanged. */
  readonly short?: string | undefined;
  readonly full?: string | undefined;
}

/** False if there is no such repository. */
async function setDescription(tx: Db, set: SetDescription): Promise<boolean> {
  const { actor, nowMs, repository, short, full } = set;
  const home = await findRepository(tx, repository);
  if (home === undefined) return false;
  const texts = {
    ...(short === undefined ? {} : { short_text: short }),
    ...(full === undefined ? {} : { full_text: full }),
  };
  const fields = Object.keys(texts);
  if (fields.length === 0) return true;
  await tx
    .insertInto("repository_descriptions")
    .values({ repository_id: home.id, ...texts })
    .onConflict((conflict) => conflict.column("repository_id").doUpdateSet(texts))
    .execute();
  await writeAudit(tx, {
    ...{ nowMs, actor, account: namespaceOf(repository), action: "repo.update" },
    ...{ subject: repository, data: { fields: fields.join(",") } },
  });
  return true;
}

export const descriptionCommands = { setDescription };
