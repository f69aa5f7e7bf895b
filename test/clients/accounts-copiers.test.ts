import path from "node:path";
import { openAccountsStage, tag } from "./support/accounts.ts";
import { tool } from "./support/command.ts";
import { writeContainersSettings } from "./support/containers-settings.ts";
import { tellLoginStory } from "./support/login-story.ts";
import { createScratch } from "./support/scratch.ts";

const says = {
  wrongLogin: /XX/,
  wrongPull: /XX/,
  pullDenied: /XX/,
  pushDenied: /XX/,
  pushForbidden: /XX/,
};

{
  const stage = await openAccountsStage("skopeo");
  const { berth, folder, layout } = stage;
  const env = { ...writeContainersSettings(folder), _CONTAINERS_ROOTLESS_UID: "65534" };
  const skopeo = tool("skopeo", { cwd: folder, env });
  const at = (repository: string) => `docker://${berth.host}/${repository}:${tag}`;
  tellLoginStory(
    {
      name: "skopeo",
      says: { ...says },
      login: ({ name, secret }) =>
        skopeo.reading(secret)("login", "-u", name, "--password-stdin", berth.host),
      logout: () => skopeo("logout", berth.host),
      push: (repository) => skopeo("copy", `oci:${layout}:${tag}`, at(repository)),
      pull: (repository) => skopeo("copy", at(repository), `dir:${createScratch("pulled")}`),
    },
    stage,
  );
}

{
  const stage = await openAccountsStage("crane");
  const { berth, folder, layout } = stage;
  const env = { HOME: folder, DOCKER_CONFIG: folder };
  const crane = tool("crane", { cwd: folder, env }, ["--insecure"]);
  const at = (repository: string) => `${berth.host}/${repository}:${tag}`;
  tellLoginStory(
    {
      name: "crane",
      says: { ...says, wrongLogin: undefined },
      login: ({ name, secret }) =>
        crane.reading(secret)("auth", "login", "-u", name, "--password-stdin", berth.host),
      logout: () => crane("auth", "logout", berth.host),
      push: (repository) => crane("push", layout, at(repository)),
      pull: (repository) =>
        crane("pull", "--format", "oci", at(repository), createScratch("pulled")),
    },
    stage,
  );
}

{
  const stage = await openAccountsStage("regctl");
  const { berth, folder, layout } = stage;
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
      says: { ...says },
      login: ({ name, secret }) =>
        regctl.reading(secret)("registry", "login", "-u", name, "--pass-stdin", berth.host),
      logout: () => regctl("registry", "logout", berth.host),
      push: (repository) => regctl("image", "copy", `ocidir://${layout}:${tag}`, at(repository)),
      pull: (repository) =>
        regctl("image", "copy", at(repository), `ocidir://${createScratch("pulled")}:${tag}`),
    },
    stage,
  );
}
