import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { openAccountsStage, tag, type AccountsStage, type Login } from "./support/accounts.ts";
import { refusal } from "./support/command.ts";
import { startContainerd } from "./support/containerd.ts";
import { tellLoginStory, type LoginClient } from "./support/login-story.ts";
import { createLayoutArchive } from "./support/oci-layout.ts";
import { createPlatformIndex } from "./support/platform-index.ts";
import { assertManifest } from "./support/seeding.ts";
import { createSmallImage } from "./support/small-image.ts";

const { ctr, hostsFor } = await startContainerd();
const says = {
  pullDenied: /pull access denied, repository does not exist or may require authorization/,
  pushDenied: /insufficient_scope: authorization failed/,
  pushForbidden: /insufficient_scope: authorization failed/,
};

/** containerd stores no login: `credentials` returns the command-line options for a login. */
function createContainerdLogins(
  name: string,
  { berth, folder }: AccountsStage,
  wrongLogin: RegExp,
  credentials: (who: Login | undefined) => readonly string[],
): LoginClient {
  let who: Login | undefined;
  let pulls = 0;
  return {
    ...{ name, says: { ...says, wrongLogin }, keepsUnseen: true },
    login: async (somebody) => void (who = somebody),
    logout: async () => void (who = undefined),
    async push(repository) {
      const image = `${berth.host}/${repository}:${tag}`;
      const archive = path.join(folder, "image.tar");
      writeFileSync(archive, createLayoutArchive(createSmallImage(), image));
      await ctr("images", "import", "--no-unpack", "--all-platforms", archive);
      await ctr("images", "push", ...credentials(who), image);
    },
    async pull(repository) {
      pulls += 1;
      const elsewhere = ["--namespace", `pulled-${berth.host.split(":")[1]}-${pulls}`];
      const image = `${berth.host}/${repository}:${tag}`;
      await ctr(...elsewhere, "images", "pull", ...credentials(who), image);
    },
  };
}

const stages = [await openAccountsStage("ctr"), await openAccountsStage("hosts-toml")] as const;
const refusedToken = /failed to fetch oauth token: unexpected status: 401 Unauthorized/;
// ctr reads a password only from a terminal or from its arguments.
const byOption = createContainerdLogins("ctr --user", stages[0], refusedToken, (who) => [
  "--plain-http",
  ...(who === undefined ? [] : ["--user", `${who.name}:${who.secret}`]),
]);
tellLoginStory(byOption, stages[0]);

const { berth, folder, mia } = stages[1];
const withHosts = (who: Login | undefined): readonly string[] => {
  const authorization = who && `Basic ${btoa(`${who.name}:${who.secret}`)}`;
  return ["--hosts-dir", hostsFor(berth.host, berth.host, authorization)];
};
// ctr repeats the request anonymously when the header of the hosts.toml is rejected.
const asNobody = /(insufficient_scope|invalid_token): authorization failed/;
const byHeader = createContainerdLogins("ctr with a hosts.toml", stages[1], asNobody, withHosts);
tellLoginStory(byHeader, stages[1]);

test("repeated pushes of ctr with an old password in a hosts.toml do not lock the account out", async () => {
  const image = `${berth.host}/mia/platforms:${tag}`;
  const archive = path.join(folder, "platforms.tar");
  const index = createPlatformIndex("oci", "http://127.0.0.1:9");
  writeFileSync(archive, createLayoutArchive(index, image));
  await ctr("images", "import", "--no-unpack", "--all-platforms", archive);
  const old = { name: "mia", secret: "mia's old password" };
  for (let again = 0; again < 2; again += 1)
    assert.match(await refusal(ctr("images", "push", ...withHosts(old), image)), asNobody);
  await ctr("images", "push", ...withHosts(mia), image);
  await assertManifest(berth, "mia/platforms", tag, index.root);
});
