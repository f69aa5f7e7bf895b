import { writeFileSync } from "node:fs";
import path from "node:path";
import { openAccountsStage, tag, type AccountsStage, type Login } from "./support/accounts.ts";
import { startContainerd } from "./support/containerd.ts";
import { tellLoginStory, type LoginClient } from "./support/login-story.ts";
import { createLayoutArchive } from "./support/oci-layout.ts";
import { createPlatformIndex } from "./support/platform-index.ts";

const { ctr, hostsFor } = await startContainerd();
const index = createPlatformIndex("oci", "http://127.0.0.1:9");
const says = {
  wrongLogin: /XX/,
  pullDenied: /pull access denied, repository does not exist or may require authorization/,
  pushDenied: /XX/,
  pushForbidden: /insufficient_scope: authorization failed/,
};

/** containerd keeps nobody's login: `credentials` are the options of a command that has one. */
function createContainerdLogins(
  name: string,
  { berth, folder }: AccountsStage,
  credentials: (who: Login | undefined) => readonly string[],
): LoginClient {
  let who: Login | undefined;
  let pulls = 0;
  return {
    ...{ name, says, keepsUnseen: true },
    login: async (somebody) => void (who = somebody),
    logout: async () => void (who = undefined),
    async push(repository) {
      const image = `${berth.host}/${repository}:${tag}`;
      const archive = path.join(folder, "image.tar");
      writeFileSync(archive, createLayoutArchive(index, image));
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
// ctr reads a password from a terminal, or from its arguments.
const byOption = createContainerdLogins("ctr --user", stages[0], (who) => [
  "--plain-http",
  ...(who === undefined ? [] : ["--user", `${who.name}:${who.secret}`]),
]);
tellLoginStory(byOption, stages[0]);

const { host } = stages[1].berth;
const byHeader = createContainerdLogins("ctr with a hosts.toml", stages[1], (who) => [
  "--hosts-dir",
  hostsFor(host, host, who && `Basic ${btoa(`${who.name}:${who.secret}`)}`),
]);
tellLoginStory(byHeader, stages[1]);
