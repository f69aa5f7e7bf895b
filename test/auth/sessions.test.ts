import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { createAccounts } from "../../src/accounts/accounts.ts";
import { createHubPolicy } from "../../src/auth/hub-policy.ts";
import { createKeyFolder } from "../../src/auth/signing-keys/folder.ts";
import { openKeys } from "../../src/auth/signing-keys/keys.ts";
import { createSessions } from "../../src/auth/sessions.ts";
import type { Database } from "../../src/database/contract.ts";
import { openTestDatabase } from "../support/database.ts";
import { judged } from "../support/pushes.ts";
import { temporaryFolder } from "../support/temporary.ts";

const root = temporaryFolder();
mkdirSync(root, { recursive: true });
const folder = path.join(mkdtempSync(path.join(root, "sessions-")), "keys");
const clock = Date.now;
const keys = await openKeys({
  ...{ store: createKeyFolder(folder), algorithm: "ES256", clock },
  report: (error) => assert.fail(String(error)),
});
const actor = judged({ accountId: null, name: "berth", peer: "" });
const peer = "192.0.2.1";

/** The same database, with a call of `happen` before each read. */
function interrupted(database: Database, happen: () => Promise<void>): Database {
  const watch = <T extends object>(reads: T): T =>
    new Proxy(reads, {
      get: (target, key) => {
        const found: unknown = Reflect.get(target, key);
        if (typeof found !== "function") return found;
        return async (...given: readonly unknown[]) => {
          await happen();
          return (found as (...given: readonly unknown[]) => unknown).apply(target, [...given]);
        };
      },
    });
  const { accounts, accessTokens, permissions } = database;
  return {
    ...database,
    accounts: watch(accounts),
    accessTokens: watch(accessTokens),
    permissions: watch(permissions),
  };
}

test("a login whose access token is revoked before any of its reads gets no password session", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 6 }),
      fc.constantFrom("identify", "login"),
      async (readsBefore, way) => {
        const database = await openTestDatabase();
        const accounts = createAccounts({ database, clock, createOnPush: true });
        await database.commands.createAccount({ name: "ann", kind: "user", actor, nowMs: clock() });
        const given = { account: "ann", label: "ci", scope: "repo:read" };
        const { id, secret } = await accounts.accessTokens.issue(actor, given);
        let reads = 0;
        const watched = interrupted(database, async () => {
          if (reads === readsBefore) await accounts.accessTokens.revoke(actor, "ann", id);
          reads += 1;
        });
        const { authenticator } = createAccounts({ database: watched, clock, createOnPush: true });
        const parts = { keys, issuer: "berth", authenticator, database: watched, clock };
        const sessions = createSessions(parts);
        const credentials = { name: "ann", secret };
        const session =
          way === "identify"
            ? await sessions.identify(credentials, peer)
            : (await sessions.login(credentials, peer, 60))?.session;
        const policy = createHubPolicy({ database });
        assert.notEqual(await policy.authorize(session, { of: "password" }, {}), "allowed");
      },
    ),
    { numRuns: 40 },
  );
});
