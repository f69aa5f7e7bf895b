import { openAccountsStage, tag } from "./support/accounts.ts";
import { tool } from "./support/command.ts";
import { tellLoginStory } from "./support/login-story.ts";
import { createScratch } from "./support/scratch.ts";

const says = {
  wrongLogin: /unauthorized: incorrect username or password/,
  pullDenied: /unauthorized: authentication required/,
  pushDenied: /unauthorized/i,
  pushForbidden: /unauthorized: the token does not allow this|401: Unauthorized/,
};
const stage = await openAccountsStage("oras");
const { berth, folder, newLayout } = stage;
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
      oras("cp", "--from-oci-layout", "--to-plain-http", `${newLayout()}:${tag}`, at(repository)),
    pull: (repository) =>
      oras(
        ...["cp", "--from-plain-http", "--to-oci-layout", at(repository)],
        `${createScratch("pulled")}:${tag}`,
      ),
  },
  stage,
);
