import { writeFileSync } from "node:fs";
import path from "node:path";
import { openAccountsStage, tag } from "./support/accounts.ts";
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
const stage = await openAccountsStage("buildah");
const { berth, folder } = stage;
const buildah = tool("buildah", { cwd: folder, env: writeContainersSettings(folder) });
writeFileSync(path.join(folder, "notes"), "built by buildah\n");
writeFileSync(path.join(folder, "Containerfile"), "FROM scratch\nCOPY notes /notes\n");
tellLoginStory(
  {
    ...createEngineLogins("buildah", buildah, stage, says),
    async push(repository) {
      const image = `${berth.host}/${repository}:${tag}`;
      await buildah("bud", "--tag", image, folder);
      try {
        await buildah("push", image);
      } finally {
        await buildah("rmi", image);
      }
    },
    async pull(repository) {
      const image = `${berth.host}/${repository}:${tag}`;
      await buildah("from", "--name", "pulled", image);
      await buildah("rm", "pulled");
      await buildah("rmi", image);
    },
  },
  stage,
);
