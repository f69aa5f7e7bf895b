import assert from "node:assert/strict";
import process from "node:process";
import { after, describe, test } from "node:test";
import { openCommandContext } from "../../../src/app/command-context.ts";
import { createProgram } from "../../../src/cli/program.ts";
import { pushBlob, pushImageParts, putManifest, startBerth } from "../../support/berth.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { berth as run, commandEnvironment } from "../support.ts";

describe("berth repo and berth quota, while a server runs", async () => {
  const data = temporaryFolder();
  const berth = await startBerth(data);
  after(() => berth.close());
  // The commands that run in this process read its environment.
  process.env = await commandEnvironment(data);
  const { manifest } = await pushImageParts(berth, "team/app", { layer: "a layer" });
  const other = await pushImageParts(berth, "team/app", { layer: "another layer" });
  await putManifest(berth, "team/app", "1.0", manifest).expect(201);
  const berthRun = (...words: string[]) => run([...words, "--data", data]);
  const says = async (words: readonly string[], text: string): Promise<void> => {
    const { code, stdout, stderr } = await berthRun(...words);
    assert.equal(stderr, "");
    assert.equal(stdout, `${text}\n`);
    assert.equal(code, 0);
  };
  /** Runs the command in this process: process starts would take most of the time of this file. */
  const fails = async (words: readonly string[], message: RegExp): Promise<void> => {
    const running = createProgram().parseAsync(["node", "berth", ...words, "--data", data]);
    await assert.rejects(running, { name: "CliError", message });
  };

  test("create and list a repository and change its visibility", async () => {
    await says(["repo", "create", "team/new", "--public"], "created team/new, public");
    await fails(["repo", "create", "team/new"], /^the repository team\/new exists already$/);
    await says(["repo", "visibility", "team/new", "private"], "team/new is private");
    await says(
      ["repo", "list", "--json"],
      [
        '{"name":"team/app","visibility":"private","immutable_tags":null}',
        '{"name":"team/new","visibility":"private","immutable_tags":null}',
      ].join("\n"),
    );
  });

  test("reject changes to a mirrored repository", async (t) => {
    const mirror = { namespace: "docker.io", upstream: "https://registry-1.docker.io" };
    process.env["BERTH_MIRRORS"] = JSON.stringify([mirror]);
    t.after(() => delete process.env["BERTH_MIRRORS"]);
    for (const words of [
      ["create", "docker.io/library/mine"],
      ["visibility", "docker.io/library/alpine", "public"],
      ["immutable", "docker.io/library/alpine", "--all"],
    ])
      await fails(
        ["repo", ...words],
        /^docker\.io is a mirror: its content is that of its upstream/,
      );
  });

  test("report invalid arguments in one line", async () => {
    await fails(["repo", "visibility", "team/new", "secret"], /private or public, not secret/);
    await fails(["repo", "visibility", "no/such", "public"], /repository name not known/);
    await fails(["repo", "create", "UPPER/case"], /invalid repository name/);
    await fails(["repo", "immutable", "team/app"], /either patterns, or --all, or --none/);
    await fails(["repo", "immutable", "team/app", "("], /the tag pattern "\(" is invalid/);
    await fails(["quota", "set", "team", "much"], /much is not a size/);
    await fails(["quota", "set", "team/app", "1MB"], /is not a namespace/);
    await fails(["quota", "remove", "team"], /team does not have its own quota/);
    await fails(["repo", "delete", "team/app"], /confirm with --yes/);
  });

  test("grant, list and revoke the access of a user", async () => {
    const context = await openCommandContext(berth.config, { store: false });
    const { users } = await context.accounts();
    await users.add(context.actor, { name: "mia", password: "correct horse battery staple" });
    await context.close();
    await says(
      ["repo", "access", "grant", "team/app", "mia", "write"],
      "mia has write on team/app",
    );
    await says(["repo", "access", "list", "team/app"], "write  mia");
    await fails(
      ["repo", "access", "grant", "team/app", "nobody", "read"],
      /there is no user nobody/,
    );
    await fails(["repo", "access", "list", "no/such"], /there is no repository no\/such/);
    await says(
      ["repo", "access", "revoke", "team/app", "mia", "--json"],
      '{"name":"team/app","user":"mia","permission":null}',
    );
  });

  test("make the server apply immutable tags and quotas to the next push", async () => {
    await says(
      ["repo", "immutable", "team/app", "\\d+\\.\\d+"],
      "immutable in team/app: \\d+\\.\\d+",
    );
    const refused = await putManifest(berth, "team/app", "1.0", other.manifest).expect(403);
    assert.equal(refused.body.errors[0].code, "DENIED");
    await putManifest(berth, "team/app", "1.0", manifest).expect(201);
    await says(["repo", "immutable", "team/app", "--none"], "immutable in team/app: no tags");
    await putManifest(berth, "team/app", "1.0", other.manifest).expect(201);

    const held =
      20 +
      manifest.length +
      other.manifest.length +
      JSON.stringify({
        architecture: "amd64",
        os: "linux",
        rootfs: { type: "layers", diff_ids: [] },
      }).length;
    await says(
      ["quota", "set", "team", String(held), "--json"],
      `{"namespace":"team","used_bytes":${held},"limit_bytes":${held}}`,
    );
    await says(["quota", "list"], `team  ${held} B  of ${held} B`);
    await assert.rejects(pushBlob(berth, "team/new", "one more"), /403/);
    await says(["quota", "remove", "team"], "removed the quota of team");
    await pushBlob(berth, "team/new", "one more");
  });

  test("delete a repository, and the server then answers 404", async () => {
    const { code, stdout } = await berthRun("repo", "delete", "team/app", "--yes", "--json");
    assert.deepEqual([code, stdout], [0, '{"name":"team/app","deleted":true}\n']);
    await berth.api.get("/v2/team/app/manifests/1.0").expect(404);
    await putManifest(berth, "team/app", "1.0", manifest).expect(400);
    const check = await berthRun("check");
    assert.equal(check.stdout, "no errors\n");
  });
});
