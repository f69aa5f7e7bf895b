import { openAccountsStage } from "./support/accounts.ts";
import { startDockerd } from "./support/dockerd.ts";
import { createEngineLogins } from "./support/engine-logins.ts";
import { tellLoginStory } from "./support/login-story.ts";

const says = {
  wrongLogin: /unauthorized: incorrect username or password/,
  pullDenied: /pull access denied for \S+, repository does not exist or may require 'docker login'/,
  pushDenied: /push access denied, repository does not exist or may require authorization/,
  pushForbidden: /push access denied, repository does not exist or may require authorization/,
};
const stage = await openAccountsStage("docker");
const docker = await startDockerd("dockerd-containerd-store");
tellLoginStory(createEngineLogins("docker on the containerd store", docker, stage, says), stage);
