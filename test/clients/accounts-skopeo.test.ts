import { openAccountsStage, tag } from "./support/accounts.ts";
import { tool } from "./support/command.ts";
import { writeContainersSettings } from "./support/containers-settings.ts";
import { tellLoginStory } from "./support/login-story.ts";
import { createScratch } from "./support/scratch.ts";

const says = {
  wrongLogin: /invalid username\/password/,
  pullDenied: /denied: requested access to the resource is denied/,
  pushDenied:
    /denied: (?:log in to push: docker login \S+|requested access to the resource is denied)/,
  pushForbidden:
    /denied: (?:no permission to push here: push to \S+|requested access to the resource is denied)/,
};
const stage = await openAccountsStage("skopeo");
const { berth, folder, newLayout } = stage;
const env = { ...writeContainersSettings(folder), _CONTAINERS_ROOTLESS_UID: "65534" };
const skopeo = tool("skopeo", { cwd: folder, env });
const at = (repository: string) => `docker://${berth.host}/${repository}:${tag}`;
tellLoginStory(
  {
    name: "skopeo",
    says,
    login: ({ name, secret }) =>
      skopeo.reading(secret)("login", "-u", name, "--password-stdin", berth.host),
    logout: () => skopeo("logout", berth.host),
    push: (repository) => skopeo("copy", `oci:${newLayout()}:${tag}`, at(repository)),
    pull: (repository) => skopeo("copy", at(repository), `dir:${createScratch("pulled")}`),
  },
  stage,
);
