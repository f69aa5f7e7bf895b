import type { Jobs } from "../../../coordination/jobs.ts";
import type { MirrorAdministration } from "../../../mirror/administration.ts";

/** What administrators do with a server, as the command line does with a data folder. */
export interface Administration {
  readonly jobs: Jobs;
  /** `undefined`: the configuration has no mirrors. */
  readonly mirrors: MirrorAdministration | undefined;
}
