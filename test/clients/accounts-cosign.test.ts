import { randomUUID } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { openAccountsStage, tag } from "./support/accounts.ts";
import { tool } from "./support/command.ts";
import { tellLoginStory } from "./support/login-story.ts";

const says = {
  wrongLogin: /UNAUTHORIZED: incorrect username or password/,
  pullDenied: /UNAUTHORIZED: authentication required/,
  pushDenied:
    /UNAUTHORIZED: (?:log in to push: docker login \S+|authentication required)|unexpected status code 401/,
  pushForbidden: /UNAUTHORIZED: the token does not allow this|unexpected status code 401/,
};
const stage = await openAccountsStage("cosign");
const { berth, folder } = stage;
const cosign = tool("cosign", {
  cwd: folder,
  env: {
    ...{ HOME: folder, DOCKER_CONFIG: folder, COSIGN_PASSWORD: "a password" },
    TUF_MIRROR: "http://127.0.0.1:9",
  },
});
await cosign("generate-key-pair");
const insecure = ["--allow-http-registry", "--allow-insecure-registry"];
const at = (repository: string) => `${berth.host}/${repository}:${tag}`;
tellLoginStory(
  {
    name: "cosign",
    says,
    keepsUnseen: true,
    login: ({ name, secret }) =>
      cosign.reading(secret)("login", "-u", name, "--password-stdin", berth.host),
    // cosign has no logout command.
    logout: async () => rmSync(path.join(folder, "config.json")),
    /** Uploads a file as the image, and signs it. */
    async push(repository) {
      const signing = ["--key", "cosign.key", "--tlog-upload=false", "--yes", ...insecure];
      writeFileSync(path.join(folder, "notes"), randomUUID());
      await cosign("upload", "blob", ...insecure, "-f", "notes", at(repository));
      await cosign("sign", ...signing, at(repository));
    },
    pull: (repository) =>
      cosign(
        ...["verify", "--key", "cosign.pub", "--insecure-ignore-tlog", ...insecure],
        at(repository),
      ),
  },
  stage,
);
