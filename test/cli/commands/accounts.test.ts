import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, describe, test } from "node:test";
import { createAccounts } from "../../../src/accounts/accounts.ts";
import { pushBlob, startBerth } from "../../support/berth.ts";
import { contentOf, emptyDatabaseSettings, openDatabaseOf } from "../../support/database.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { berth as run, emptyDatabase, noRegistryIn, variablesOf } from "../support.ts";

/** These tests depend on each other. A server runs on the folder at the same time. */
describe("the account commands while a server runs", async () => {
  const data = temporaryFolder();
  const server = await startBerth(data);
  await pushBlob(server, "team/app", "so that there is a repository");
  const database = await openDatabaseOf(data);
  const { authenticator } = createAccounts({ database, clock: Date.now, createOnPush: true });
  after(async () => {
    await database.close();
    await server.close();
  });
  const canary = "a canary in a coal mine";
  const told: string[] = [];

  const tell = async (words: string, input?: string) => {
    const ended = await run([...words.split(" "), "--data", data], {}, input);
    told.push(ended.stdout, ended.stderr);
    return ended;
  };
  const done = async (words: string, input?: string): Promise<string> => {
    const { code, stdout, stderr } = await tell(words, input);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const refused = async (words: string, reason: RegExp, input?: string): Promise<void> => {
    const { code, stdout, stderr } = await tell(words, input);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, reason);
    assert.equal(stderr.trim().split("\n").length, 1);
  };
  const login = (name: string, secret: string) =>
    authenticator.authenticate({ name, secret }, "127.0.0.1");

  test("`user add` reads the password from standard input, and the user can log in at once", async () => {
    assert.equal(await done("user add root --admin", `${canary}\n`), "administrator root added\n");
    const root = await login("root", canary);
    assert.equal(root?.kind === "user" && root.isAdmin, true);
    await refused("user add root", /there is an account root already/, `${canary}\n`);
    await refused("user add mia", /no password on standard input/, "");
  });

  test("`user add --generate` prints a password that works until the password is changed", async () => {
    const stdout = await done("user add mia --generate --json");
    const { name, password } = JSON.parse(stdout) as { name: string; password: string };
    assert.ok(await login(name, password));
    await done("user password mia", `${canary} again\n`);
    assert.equal(await login("mia", password), undefined);
    assert.ok(await login("mia", `${canary} again`));
  });

  test("`user disable` blocks the login at once, and `user list` shows the state of each user", async () => {
    assert.equal(await done("user disable mia"), "mia is disabled\n");
    assert.equal(await login("mia", `${canary} again`), undefined);
    assert.equal(await done("user list"), "mia (disabled)\nroot (administrator)\n");
    await done("user enable mia");
    assert.ok(await login("mia", `${canary} again`));
  });

  test("`user add` and `org add` need --take-over for a namespace that already has repositories", async () => {
    const reason = /team has repositories \(1\) without an owner: use --take-over/;
    await refused("user add team", reason, `${canary}\n`);
    await refused("org add team --owner mia", reason);
    assert.equal(await login("team", canary), undefined);
    await pushBlob(server, "solo/app", "of no account yet");
    assert.equal(await done("user add solo --take-over", `${canary}\n`), "user solo added\n");
    assert.match(await done("audit --account solo"), /user\.create solo .*repositories=1/);
  });

  test("`org` and `team` create an organisation with members, a team and its grant", async () => {
    await done("org add team --owner mia --take-over");
    await done("org member add team root --role editor");
    assert.equal(await done("org member list team"), "mia (owner)\nroot (editor)\n");
    await done("team add team devs");
    await done("team member add team devs root");
    await done("team grant team devs team/app write");
    assert.equal(await done("team show team devs"), "member root\nwrite team/app\n");
  });

  test("`token create` prints the token, which authenticates its user until it is revoked", async () => {
    const words = "token create mia --label ci --scope repo:read --expires 30d";
    const { stdout } = await tell(words);
    assert.match(stdout, /^berth_pat_\w{38}\n$/);
    const secret = stdout.trim();
    assert.ok(await login("mia", secret));
    const [line = ""] = (await done("token list mia --json")).split("\n");
    assert.ok(!line.includes(secret));
    const { id, scopes } = JSON.parse(line) as { id: string; scopes: string[] };
    assert.deepEqual(scopes, ["repo:read"]);
    await done(`token revoke mia ${id}`);
    assert.equal(await login("mia", secret), undefined);
  });

  test("`token create` for an organisation limits the token to the given resources", async () => {
    const words = "token create team --label robot --resource team/*=pull,push";
    const robot = await login("team", (await done(`${words} --resource team=create`)).trim());
    assert.deepEqual(robot?.kind === "organisation" && robot.resources, [
      { type: "TYPE_REPO", path: "team/*", scopes: ["scope-image-pull", "scope-image-push"] },
      { type: "TYPE_ORG", path: "team", scopes: ["scope-repository-create"] },
    ]);
  });

  test("`audit` lists actors and actions, and neither the output nor the database contains a password", async () => {
    const lines = (await done("audit --account team --json")).trim().split("\n");
    const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      entries.map(({ action, subject }) => `${String(action)} ${String(subject)}`),
      [
        "org.access_token.create robot",
        "org.team.permission devs",
        "org.team.member.add devs",
        "org.team.create devs",
        "org.member.add root",
        "org.member.add mia",
        "org.create team",
        "repo.create team/app",
      ],
    );
    // In open mode a push has no actor.
    assert.deepEqual(new Set(entries.map(({ actor }) => actor)), new Set(["berth", ""]));
    assert.equal(
      (await done("audit --action user.access_token --limit 1"))
        .replace(/^\S+ /, "")
        .split(" id=")[0],
      "berth: user.access_token.delete ci in mia",
    );
    assert.ok(!told.join("").includes(canary));
    const content = await contentOf(data);
    assert.ok(content.includes("org.team.member.add") && !content.includes(canary));
  });

  test("`audit` says on standard error when audit.keep deletes entries", async () => {
    const args = ["audit", "--account", "team", "--limit", "1", "--data", data];
    const { code, stdout, stderr } = await run(args, { BERTH_AUDIT_KEEP: "90d" });
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "entries are deleted after 90d (audit.keep)\n");
    assert.equal(stdout, await done("audit --account team --limit 1"));
  });

  test("`user list` exits with 1 and names `berth serve` when the folder has no registry", async () => {
    const empty = temporaryFolder();
    const { code, stderr } = await run(["user", "list", "--data", empty], await emptyDatabase());
    assert.equal(code, 1);
    assert.match(stderr, noRegistryIn(empty));
  });
});

describe("the account commands before the first start of a server", () => {
  test("`user add` and `user password` create accounts that can log in after the start", async () => {
    const data = `${temporaryFolder()}/new`;
    const settings = await emptyDatabaseSettings();
    const secret = "a canary in a coal mine";
    const user = (...words: string[]) =>
      run(["user", ...words, "--data", data], variablesOf(settings), `${secret}\n`);
    const added = await user("add", "mia");
    assert.deepEqual([added.code, added.stdout], [0, "user mia added\n"]);
    assert.equal((await user("password", "admin")).code, 0);
    const server = await startBerth(data, { ...settings, "auth.open": "false" });
    try {
      for (const name of ["mia", "admin"]) {
        await server.api.get("/token").auth(name, secret).expect(200);
        await server.api.get("/token").auth(name, "another password").expect(401);
      }
    } finally {
      // Before the database is dropped.
      await server.close();
    }
  });

  test("`user list` exits with 1 and does not create the data folder", async () => {
    const data = `${temporaryFolder()}/none`;
    const { code, stderr } = await run(["user", "list", "--data", data], await emptyDatabase());
    assert.equal(code, 1);
    assert.match(stderr, noRegistryIn(data));
    assert.equal(existsSync(data), false);
  });
});
