import { writeFileSync } from "node:fs";
import path from "node:path";
import { tag, type AccountsStage } from "./accounts.ts";
import type { Tool } from "./command.ts";
import type { LoginClient } from "./login-story.ts";
import { createTarball } from "./tarball.ts";

/** The operations of docker or podman. Each removes its image from the engine, so that a pull downloads all layers. */
export function createEngineLogins(
  name: string,
  engine: Tool,
  { berth, folder }: AccountsStage,
  says: LoginClient["says"],
): LoginClient {
  const rootfs = path.join(folder, "rootfs.tar");
  writeFileSync(rootfs, createTarball([{ path: "notes", content: "a file in an image\n" }]));
  return {
    name,
    says,
    login: (who) =>
      engine.reading(who.secret)("login", "-u", who.name, "--password-stdin", berth.host),
    logout: () => engine("logout", berth.host),
    async push(repository) {
      const image = `${berth.host}/${repository}:${tag}`;
      await engine("import", rootfs, image);
      try {
        await engine("push", image);
      } finally {
        await engine("rmi", image);
      }
    },
    async pull(repository) {
      const image = `${berth.host}/${repository}:${tag}`;
      await engine("pull", image);
      await engine("rmi", image);
    },
  };
}
