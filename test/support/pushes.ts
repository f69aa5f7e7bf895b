import type { Actor } from "../../src/database/events/audit.ts";
import { openActor, systemActor } from "../../src/database/permissions/authority.ts";
import type { PushRules } from "../../src/database/registry/repository-creation.ts";

/** Who pushes in open mode. */
export const nobody: Actor = openActor("");

/** Somebody whose permission has been authorized, and is not judged again. */
export const judged = (who: Omit<Actor, "authority">): Actor => ({
  ...systemActor("berth"),
  ...who,
});

/** The rules of a configuration that says nothing of pushes. */
export const rules: PushRules = {
  createOnPush: true,
  defaultVisibility: "private",
  defaultQuotaBytes: null,
};

/** For parts that report what they did, where a test does not look at it. */
export const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
