import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { NotAuthorizedError } from "../../../src/database/permissions/check.ts";
import { clientActor } from "../../../src/database/permissions/authority.ts";
import { performAuthorized } from "../../../src/database/authorized-commands.ts";
import { queriesOn } from "../../../src/database/sqlite/connection.ts";
import { migrate } from "../../../src/database/sqlite/migrate.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import SqliteDatabase from "../../../src/database/sqlite/driver.ts";

const root = path.join(import.meta.dirname, "../../../src");
const callersOf = (name: string): readonly string[] =>
  readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && file !== "database/permissions/authority.ts")
    .filter((file) => readFileSync(path.join(root, file), "utf8").includes(`${name}(`))
    .toSorted();

describe("the authority of an actor", () => {
  test("of a client is created only by the two policies", () => {
    assert.deepEqual(callersOf("clientActor"), ["auth/hub-policy.ts", "auth/policy.ts"]);
    assert.deepEqual(callersOf("openActor"), ["auth/hub-policy.ts", "auth/policy.ts"]);
  });

  test("of the system is created only by commands without a client, such as the command line, mirrors and timers", () => {
    assert.deepEqual(callersOf("systemActor"), [
      "accounts/users.ts",
      "app/context.ts",
      "coordination/jobs.ts",
      "database/registry/repository-removal.ts",
      "mirror/repository.ts",
      "registry/uploads/expire.ts",
    ]);
  });

  test("of a client is checked with one SQL statement before the command runs", async () => {
    const connection = new SqliteDatabase(":memory:");
    migrate(connection);
    const statements: string[] = [];
    const watched = new Proxy(connection, {
      get: (target, key) => {
        if (key !== "prepare") return Reflect.get(target, key, target) as unknown;
        return (text: string) => {
          statements.push(text);
          return target.prepare(text);
        };
      },
    });
    const actor = clientActor({
      ...{ principal: { kind: "anonymous" }, peer: "" },
      permission: { of: "registry", actions: ["delete"] },
      target: { repository: parseRepositoryName("team/app") },
    });
    const input = { actor, nowMs: 0, repository: "team/app", tag: "1" };
    const command = performAuthorized(queriesOn(watched), "deleteTag", input);
    await assert.rejects(command, NotAuthorizedError);
    assert.equal(statements.length, 1);
    assert.match(statements[0] ?? "", /LEFT JOIN access_tokens/);
  });
});
