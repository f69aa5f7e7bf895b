import assert from "node:assert/strict";
import { test } from "node:test";
import { names, openAccountsStage, tag } from "./support/accounts.ts";
import { refusal, tool } from "./support/command.ts";
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

test("crane shows the reason of read-only mode, and pulls go on", async () => {
  const { name, secret } = stage.mia;
  await crane.reading(secret)("auth", "login", "-u", name, "--password-stdin", berth.host);
  await crane("push", newLayout(), at(names.private));
  await berth.administer(["read-only", "on", "--reason", "we move to new disks"]);
  const pushed = crane("push", newLayout(), at(names.private));
  assert.match(await refusal(pushed), /UNAVAILABLE: the registry is read-only.*: we move to new/);
  await crane("pull", "--format", "oci", at(names.private), createScratch("pulled"));
  await berth.administer(["read-only", "off"]);
  await crane("push", newLayout(), at(names.private));
});
