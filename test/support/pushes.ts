import { openActor, systemActor, type Actor } from "../../src/database/permissions/authority.ts";
import type { PushRules } from "../../src/database/registry/repository-creation.ts";

/** The actor of a push in open mode. */
export const openModeClient: Actor = openActor("");

/** An actor with system authority, so that permissions are not checked again. */
export const judged = (who: Omit<Actor, "authority">): Actor => ({
  ...systemActor("berth"),
  ...who,
});

/** The push rules of the default configuration. */
export const rules: PushRules = {
  createOnPush: true,
  defaultVisibility: "private",
  defaultQuotaBytes: null,
};

/** A logger that discards everything. */
export const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
