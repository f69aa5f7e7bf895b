import type { Sealing } from "../auth/signing-keys/sealing.ts";
import type { Config } from "../config/schema.ts";
import { createAddedMirrors, type AddedMirrors } from "../mirror/added-mirrors.ts";
import type { AppContext } from "./context.ts";

/** The mirrors that the API has added, for servers and commands. */
export async function openAddedMirrors(context: AppContext): Promise<AddedMirrors> {
  const { config, clock, logger, kind } = context;
  let made: Promise<Sealing> | undefined;
  return createAddedMirrors({
    database: await context.database(),
    configured: () => config.mirrors,
    sealing: () => (made ??= openMirrorSealing(config)),
    clock,
    report(error) {
      if (kind !== "command") logger.error({ err: error }, "a mirror of the database has an error");
    },
  });
}

/** What encrypts the passwords of these mirrors. */
export async function openMirrorSealing(config: Config): Promise<Sealing> {
  const [{ createSealing }, { readSealingSecrets }] = await Promise.all([
    import("../auth/signing-keys/sealing.ts"),
    import("./webhooks.ts"),
  ]);
  return createSealing(await readSealingSecrets(config, "passwords of mirrors"), "berth mirrors");
}

/** Changes of these mirrors by a server. This process obeys at once, others within two seconds. */
export async function openMirrorChanges(
  context: AppContext,
): Promise<Pick<AddedMirrors, "add" | "change" | "remove">> {
  const [added, mirrors] = [await context.addedMirrors(), await context.mirrors()];
  return {
    async add(...given) {
      await added.add(...given);
      await mirrors.refresh();
    },
    async change(...given) {
      await added.change(...given);
      await mirrors.refresh();
    },
    async remove(...given) {
      await added.remove(...given);
      await mirrors.refresh();
    },
  };
}
