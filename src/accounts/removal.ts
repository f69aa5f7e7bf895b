import type { AccountRemoval } from "../database/accounts/removal.ts";
import type { AccountKind, AuditContext } from "../database/accounts/accounts.ts";
import type { Database } from "../database/database.ts";
import { AccountError } from "./errors.ts";

/** Deletes a user or an organisation that nothing depends on. Throws AccountError. */
export async function removeAccount(
  database: Pick<Database, "run">,
  account: AuditContext & { readonly name: string; readonly kind: AccountKind },
): Promise<void> {
  const { name, kind } = account;
  const removal: AccountRemoval = await database.run("deleteAccount", account);
  const conflict = (message: string): AccountError => new AccountError("conflict", message);
  switch (removal.kind) {
    case "deleted":
      return;
    case "unknown":
      throw new AccountError("unknown", `there is no ${kind} ${name}`);
    case "last-administrator":
      throw conflict(`${name} is the last administrator: make another user one first`);
    case "has-repositories":
      throw conflict(`${name} has repositories (${removal.count}): delete them first`);
    case "last-owner": {
      const { organisations } = removal;
      throw conflict(
        `${name} is the last owner of ${organisations.join(", ")}: make somebody else an owner first`,
      );
    }
  }
}
