import { openAccountsStage, tag } from "./support/accounts.ts";
import { tool } from "./support/command.ts";
import { tellLoginStory } from "./support/login-story.ts";
import { createScratch } from "./support/scratch.ts";

const says = {
  wrongLogin: /XX/,
  pullDenied: /XX/,
  pushDenied: /XX/,
  pushForbidden: /XX/,
};
const stage = await openAccountsStage("crane");
const { berth, folder, layout } = stage;
const env = { HOME: folder, DOCKER_CONFIG: folder };
const crane = tool("crane", { cwd: folder, env }, ["--insecure"]);
const at = (repository: string) => `${berth.host}/${repository}:${tag}`;
tellLoginStory(
  {
    name: "crane",
    says,
    keepsUnseen: true,
    login: ({ name, secret }) =>
      crane.reading(secret)("auth", "login", "-u", name, "--password-stdin", berth.host),
    logout: () => crane("auth", "logout", berth.host),
    push: (repository) => crane("push", layout, at(repository)),
    pull: (repository) => crane("pull", "--format", "oci", at(repository), createScratch("pulled")),
  },
  stage,
);
