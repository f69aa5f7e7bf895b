import assert from "node:assert/strict";
import type { AccountError, AccountErrorKind } from "../../src/accounts/errors.ts";
import { createAccounts } from "../../src/accounts/accounts.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { openTestDatabase } from "../support/database.ts";
import { judged, openModeClient, rules } from "../support/pushes.ts";

export const actor = judged({ accountId: 7, name: "root", peer: "192.0.2.1" });
export const password = "correct horse battery";
export const start = 1_700_000_000_000;

/** root is the administrator, ann owns team, and tom is its member; the repository team/app exists. */
export async function open() {
  const database = await openTestDatabase();
  const accounts = createAccounts({ database, clock: () => start, createOnPush: true });
  for (const name of ["root", "ann", "tom"])
    await accounts.users.add(actor, { name, password, isAdmin: name === "root" });
  await accounts.organisations.add(actor, { name: "team", owner: "ann" });
  await accounts.organisations.addMember(actor, "team", "tom", "member");
  await database.commands.storeBlob({
    actor: openModeClient,
    rules,
    repository: parseRepositoryName("team/app"),
    digest: digestOf(Buffer.from("x")),
    sizeBytes: 1,
    storageKey: "key",
    leasedUntilMs: start,
    dueAtMs: start,
    nowMs: start,
  });
  return { database, ...accounts };
}

export function refuses(
  work: Promise<unknown>,
  kind: AccountErrorKind,
  reason: RegExp,
): Promise<void> {
  return assert.rejects(work, (error: AccountError) => {
    assert.equal(error.name, "AccountError");
    assert.equal(error.kind, kind);
    assert.match(error.message, reason);
    return true;
  });
}
