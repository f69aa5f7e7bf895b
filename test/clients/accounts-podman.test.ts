import { openAccountsStage } from "./support/accounts.ts";
import { tool } from "./support/command.ts";
import { writeContainersSettings } from "./support/containers-settings.ts";
import { createEngineLogins } from "./support/engine-logins.ts";
import { tellLoginStory } from "./support/login-story.ts";

const says = {
  wrongLogin: /invalid username\/password/,
  pullDenied: /denied: requested access to the resource is denied/,
  pushDenied:
    /denied: (?:log in to push: docker login \S+|requested access to the resource is denied)/,
  pushForbidden:
    /denied: (?:no permission to push here: push to \S+|requested access to the resource is denied)/,
};
const stage = await openAccountsStage("podman");
const env = writeContainersSettings(stage.folder);
const podman = tool("podman", { cwd: stage.folder, env });
tellLoginStory(createEngineLogins("podman", podman, stage, says), stage);
