import path from "node:path";
import { openAccountsStage, tag } from "./support/accounts.ts";
import { tool } from "./support/command.ts";
import { tellLoginStory } from "./support/login-story.ts";
import { createScratch } from "./support/scratch.ts";

const says = {
  wrongLogin: /failed to ping registry \S+: unauthorized/,
  pullDenied: /failed to get manifest \S+: unauthorized/,
  pushDenied: /failed to send blob post, ref \S+: unauthorized/,
  pushForbidden: /failed to send blob post, ref \S+: unauthorized/,
};
const stage = await openAccountsStage("regctl");
const { berth, folder, newLayout } = stage;
const env = {
  ...{ HOME: folder, DOCKER_CONFIG: folder },
  REGCTL_CONFIG: path.join(folder, "config.json"),
};
const regctl = tool("regctl", { cwd: folder, env });
await regctl("registry", "set", "--tls", "disabled", berth.host);
const at = (repository: string) => `${berth.host}/${repository}:${tag}`;
tellLoginStory(
  {
    name: "regctl",
    says,
    login: ({ name, secret }) =>
      regctl.reading(secret)("registry", "login", "-u", name, "--pass-stdin", berth.host),
    logout: () => regctl("registry", "logout", berth.host),
    push: (repository) => regctl("image", "copy", `ocidir://${newLayout()}:${tag}`, at(repository)),
    pull: (repository) =>
      regctl("image", "copy", at(repository), `ocidir://${createScratch("pulled")}:${tag}`),
  },
  stage,
);
