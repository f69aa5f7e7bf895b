import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { openAccountsStage, tag } from "./support/accounts.ts";
import { tool } from "./support/command.ts";
import { tellLoginStory } from "./support/login-story.ts";
import { createScratch } from "./support/scratch.ts";

const says = {
  wrongLogin: /unauthorized: incorrect username or password/,
  pullDenied: /unauthorized: authentication required/,
  pushDenied:
    /unauthorized: (?:log in to push: docker login \S+|authentication required)|401: Unauthorized/,
  pushForbidden: /unauthorized: the token does not allow this|401: Unauthorized/,
};
const stage = await openAccountsStage("helm");
const { berth, folder } = stage;
const helm = tool("helm", { cwd: folder, env: { HOME: folder, DOCKER_CONFIG: folder } });
tellLoginStory(
  {
    name: "helm",
    says,
    login: ({ name, secret }) =>
      helm.reading(secret)(
        ...["registry", "login", "--plain-http", "-u", name, "--password-stdin", berth.host],
      ),
    logout: () => helm("registry", "logout", berth.host),
    /** The name of the chart is the last part of the repository name. */
    async push(repository) {
      const [namespace = "", name = ""] = repository.split("/");
      const chart = path.join(createScratch("chart"), name);
      mkdirSync(chart);
      writeFileSync(
        path.join(chart, "Chart.yaml"),
        `apiVersion: v2\nname: ${name}\nversion: ${tag}\ndescription: ${randomUUID()}\n`,
      );
      await helm("package", chart, "--destination", folder);
      const file = path.join(folder, `${name}-${tag}.tgz`);
      await helm("push", "--plain-http", file, `oci://${berth.host}/${namespace}`);
    },
    pull: (repository) =>
      helm(
        ...["pull", "--plain-http", "--version", tag, "--destination", createScratch("pulled")],
        `oci://${berth.host}/${repository}`,
      ),
  },
  stage,
);
