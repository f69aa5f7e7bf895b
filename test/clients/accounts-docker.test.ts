import { openAccountsStage } from "./support/accounts.ts";
import { startDockerd } from "./support/dockerd.ts";
import { createEngineLogins } from "./support/engine-logins.ts";
import { tellLoginStory } from "./support/login-story.ts";

const denied =
  /pull access denied for \S+, repository does not exist or may require 'docker login'/;
const engines = [
  {
    engine: "dockerd",
    pushDenied: /denied: requested access to the resource is denied/,
  },
  {
    engine: "dockerd-containerd-store",
    pushDenied: /push access denied, repository does not exist or may require authorization/,
  },
] as const;

for (const { engine, pushDenied } of engines) {
  const stage = await openAccountsStage(engine);
  const docker = await startDockerd(engine);
  const says = {
    wrongLogin: /unauthorized: incorrect username or password/,
    ...{ pullDenied: denied, pushDenied, wrongPull: denied, pushForbidden: pushDenied },
  };
  tellLoginStory(createEngineLogins(`docker (${engine})`, docker, stage, says), stage);
}
