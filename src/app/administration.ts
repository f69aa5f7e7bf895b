import type { Administration } from "../http/api/admin/administration.ts";
import type { AppContext } from "./context.ts";

/** The administration of a server by its API. */
export async function openAdministration(context: AppContext): Promise<Administration> {
  const jobs = await context.jobs();
  const mirrors = await context.mirrors();
  // Jobs use all other parts, so they end first.
  context.onClose(() => jobs.close());
  return {
    jobs,
    mirrors: mirrors && (await (await import("./mirrors.ts")).openMirrorAdministration(context)),
  };
}
