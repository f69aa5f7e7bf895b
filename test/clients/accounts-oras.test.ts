import { openAccountsStage, tag } from "./support/accounts.ts";
import { tool } from "./support/command.ts";
import { tellLoginStory } from "./support/login-story.ts";
import { createScratch } from "./support/scratch.ts";

const says = {
  wrongLogin: /unauthorized: incorrect username or password/,
  pullDenied: /unauthorized: authentication required/,
  pushDenied: /unauthorized/i,
  pushForbidden: /unauthorized/i,
};
const stage = await openAccountsStage("oras");
const { berth, folder, layout } = stage;
const oras = tool("oras", { cwd: folder, env: { HOME: folder, DOCKER_CONFIG: folder } });
const at = (repository: string) => `${berth.host}/${repository}:${tag}`;
tellLoginStory(
  {
    name: "oras",
    says,
    login: ({ name, secret }) =>
      oras.reading(secret)(
        ...["login", "--plain-http", "-u", name, "--password-stdin", berth.host],
      ),
    logout: () => oras("logout", berth.host),
    push: (repository) =>
      oras("cp", "--from-oci-layout", "--to-plain-http", `${layout}:${tag}`, at(repository)),
    pull: (repository) =>
      oras(
        ...["cp", "--from-plain-http", "--to-oci-layout", at(repository)],
        `${createScratch("pulled")}:${tag}`,
      ),
  },
  stage,
);
