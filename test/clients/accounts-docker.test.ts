import { openAccountsStage } from "./support/accounts.ts";
import { startDockerd } from "./support/dockerd.ts";
import { createEngineLogins } from "./support/engine-logins.ts";
import { tellLoginStory } from "./support/login-story.ts";

const says = {
  wrongLogin: /unauthorized: incorrect username or password/,
  pullDenied: /pull access denied for \S+, repository does not exist or may require 'docker login'/,
  pushDenied: /denied: requested access to the resource is denied/,
  pushForbidden: /denied: requested access to the resource is denied/,
};
const stage = await openAccountsStage("docker");
const docker = await startDockerd("dockerd");
tellLoginStory(createEngineLogins("docker", docker, stage, says), stage);
