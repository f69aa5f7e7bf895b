import assert from "node:assert/strict";
import { test } from "node:test";
import { openAccountsStage } from "./support/accounts.ts";
import { refusal } from "./support/command.ts";
import { startDockerd } from "./support/dockerd.ts";
import { createEngineLogins } from "./support/engine-logins.ts";
import { tellLoginStory } from "./support/login-story.ts";

const says = {
  wrongLogin: /unauthorized: incorrect username or password/,
  pullDenied: /pull access denied for \S+, repository does not exist or may require 'docker login'/,
  pushDenied:
    /denied: (?:log in to push: docker login \S+|requested access to the resource is denied)/,
  pushForbidden:
    /denied: (?:no permission to push here: push to \S+|requested access to the resource is denied)/,
};
const stage = await openAccountsStage("docker");
const docker = await startDockerd("dockerd");
const client = createEngineLogins("docker", docker, stage, says);
tellLoginStory(client, stage);

test("docker names the place to push to, when a user pushes where only others may", async () => {
  await client.login(stage.mia);
  assert.match(
    await refusal(client.push("app")),
    /denied: no permission to push here: push to 127\.0\.0\.1:\d+\/mia\/app$/m,
  );
  await client.logout();
});
