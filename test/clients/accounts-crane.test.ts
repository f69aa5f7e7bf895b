import { openAccountsStage, tag } from "./support/accounts.ts";
import { tool } from "./support/command.ts";
import { tellLoginStory } from "./support/login-story.ts";
import { createScratch } from "./support/scratch.ts";

const says = {
  wrongLogin: /UNAUTHORIZED: incorrect username or password/,
  pullDenied: /UNAUTHORIZED: authentication required/,
  pushDenied:
    /UNAUTHORIZED: (?:log in to push: docker login \S+|authentication required)|unexpected status code 401/,
  pushForbidden: /UNAUTHORIZED: the token does not allow this|unexpected status code 401/,
};
const stage = await openAccountsStage("crane");
const { berth, folder, newLayout } = stage;
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
    push: (repository) => crane("push", newLayout(), at(repository)),
    pull: (repository) => crane("pull", "--format", "oci", at(repository), createScratch("pulled")),
  },
  stage,
);
