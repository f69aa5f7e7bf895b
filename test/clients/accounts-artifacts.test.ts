import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { openAccountsStage, tag } from "./support/accounts.ts";
import { tool } from "./support/command.ts";
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
  const stage = await openAccountsStage("oras");
  const { berth, folder, layout } = stage;
  const oras = tool("oras", { cwd: folder, env: { HOME: folder, DOCKER_CONFIG: folder } });
  const at = (repository: string) => `${berth.host}/${repository}:${tag}`;
  tellLoginStory(
    {
      name: "oras",
      says: { ...says },
      login: ({ name, secret }) =>
        oras.reading(secret)(
          ...["login", "--plain-http", "-u", name, "--password-stdin", berth.host],
        ),
      logout: () => oras("logout", berth.host),
      push: (repository) =>
        oras("cp", "--from-oci-layout", "--to-plain-http", `${layout}:${tag}`, at(repository)),
      pull: (repository) =>
        oras(
          ...["cp", "--from-plain-http", "--to-oci-layout", at(repository)],
          `${createScratch("pulled")}:${tag}`,
        ),
    },
    stage,
  );
}

{
  const stage = await openAccountsStage("helm");
  const { berth, folder } = stage;
  const helm = tool("helm", { cwd: folder, env: { HOME: folder, DOCKER_CONFIG: folder } });
  tellLoginStory(
    {
      name: "helm",
      says: { ...says },
      login: ({ name, secret }) =>
        helm.reading(secret)(
          ...["registry", "login", "--plain-http", "-u", name, "--password-stdin", berth.host],
        ),
      logout: () => helm("registry", "logout", berth.host),
      /** The chart's name is the last part of its repository's. */
      async push(repository) {
        const [namespace = "", name = ""] = repository.split("/");
        const chart = path.join(createScratch("chart"), name);
        mkdirSync(chart);
        writeFileSync(
          path.join(chart, "Chart.yaml"),
          `apiVersion: v2\nname: ${name}\nversion: ${tag}\ndescription: greets\n`,
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
}

{
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
  writeFileSync(path.join(folder, "notes"), "a signed file\n");
  const insecure = ["--allow-http-registry", "--allow-insecure-registry"];
  const at = (repository: string) => `${berth.host}/${repository}:${tag}`;
  tellLoginStory(
    {
      name: "cosign",
      says: { ...says, wrongLogin: undefined },
      login: ({ name, secret }) =>
        cosign.reading(secret)("login", "-u", name, "--password-stdin", berth.host),
      // It has no command for that.
      logout: async () => rmSync(path.join(folder, "config.json")),
      /** The file is what others push, the signature what cosign adds. */
      async push(repository) {
        const signing = ["--key", "cosign.key", "--tlog-upload=false", "--yes", ...insecure];
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
}
