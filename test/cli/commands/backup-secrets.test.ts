import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { openCommandContext } from "../../../src/app/command-context.ts";
import { startBerth } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { create, restore } from "../support/backups.ts";
import { berth as run } from "../support.ts";

/** The secrets of all webhooks and the passwords of all mirrors of a registry, which it must be able to decrypt. */
async function secretsIn(data: string): Promise<readonly string[]> {
  const berth = await startBerth(data, { "auth.open": "false" });
  try {
    const context = await openCommandContext(berth.config, { store: false });
    try {
      const { webhookSecrets } = await context.database();
      const { secrets } = await context.webhooks();
      const opened = await secrets();
      const nowMs = Date.now();
      const all = await webhookSecrets.all();
      const mirrors = await (await context.addedMirrors()).settings();
      return [
        ...all.flatMap((one) => opened.open({ ...one, oldSecretUntilMs: nowMs + 1 }, nowMs)),
        ...all.map((one) => opened.openAuthorization(one) ?? "none"),
        ...mirrors.map(({ password }) => password ?? ""),
      ];
    } finally {
      await context.close();
    }
  } finally {
    await berth.close();
  }
}

test("a passphrase keeps the keys, the secrets of webhooks and the passwords of mirrors in a backup, which has none as plain text", async () => {
  const folder = temporaryFolder();
  const berth = await startClosedBerth();
  await berth.addUser("mia");
  const { data } = berth;
  const [passphrase, secret] = [path.join(folder, "passphrase"), path.join(folder, "secret")];
  writeFileSync(passphrase, "a long passphrase\n");
  const text = "the-secret-of-this-webhook-which-signs";
  writeFileSync(secret, `${text}\n`);
  const url = "https://receiver.example/hook";
  const creation = [
    "webhook",
    "create",
    url,
    "--of",
    "mia",
    "--secret-file",
    secret,
    "--data",
    data,
  ];
  const withHeader = [...creation, "--authorization-file", "-"];
  const added = await run(withHeader, {}, "Bearer the-token-of-the-receiver\n");
  assert.equal(added.code, 0, added.stderr);
  const passwordFile = path.join(folder, "password");
  writeFileSync(passwordFile, "the-password-at-the-upstream\n");
  const upstream = ["--upstream-user", "mia", "--upstream-password-file", passwordFile];
  const mirror = ["mirror", "add", "up.example", "https://up.example", ...upstream];
  const mirrored = await run([...mirror, "--data", data]);
  assert.equal(mirrored.code, 0, mirrored.stderr);

  const backup = path.join(folder, "backup");
  const plain = await run(["backup", "create", backup, "--data", data]);
  assert.match(plain.stdout, /the secrets of webhooks are not in it: add them with/);
  const { id, keys } = await create(data, backup, "--passphrase-file", passphrase);
  assert.ok(keys);
  const point = readFileSync(path.join(backup, "points", `${id}.json`), "utf8");
  assert.doesNotMatch(
    point,
    /pkcs8|PRIVATE|the-secret-of-this-webhook|the-token-of|the-password-at/,
  );

  const target = path.join(folder, "restored");
  const restored = await restore(backup, target, "--passphrase-file", passphrase, "--json");
  const { webhooks, keys: restoredKeys } = JSON.parse(restored) as Record<string, number>;
  assert.equal(webhooks, 1);
  assert.ok((restoredKeys ?? 0) >= 1);
  assert.deepEqual(await secretsIn(target), [
    ...[text, "Bearer the-token-of-the-receiver", "the-password-at-the-upstream"],
  ]);
});

test("a passphrase file that is missing or begins with an empty line is a usage error", async () => {
  const folder = temporaryFolder();
  const empty = path.join(folder, "empty");
  writeFileSync(empty, "\nthe second line\n");
  for (const [file, said] of [
    [path.join(folder, "none"), /cannot read \S+none: ENOENT/],
    [empty, /the first line of \S+empty is empty/],
  ] as const)
    for (const command of [
      ["backup", "create", path.join(folder, "backup"), "--data", path.join(folder, "data")],
      ["restore", path.join(folder, "backup"), "--data", path.join(folder, "data")],
    ]) {
      const { code, stderr } = await run([...command, "--passphrase-file", file]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, said);
    }
});
