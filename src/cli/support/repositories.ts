import type { Config } from "../../config/schema.ts";
import type { RepositoryFolder } from "../../app/repositories.ts";
import { refusing, withOpened, type DataFolderOptions } from "./data-folder.ts";
import { createOutput, type Output } from "./output.ts";

export interface Work {
  readonly folder: RepositoryFolder;
  readonly output: Output;
}

/** Errors with a message for the user. */
const refusals = new Set(["OciError", "AccountError"]);

/** Runs `work` on the repositories of a data folder. A rejected request becomes one line. */
export async function withRepositories(
  options: DataFolderOptions,
  work: (work: Work) => Promise<void>,
): Promise<void> {
  const open = async (config: Config): Promise<RepositoryFolder> =>
    (await import("../../app/repositories.ts")).openRepositories(config);
  await withOpened(options, open, (folder) =>
    refusing(refusals, () => work({ folder, output: createOutput(options) })),
  );
}
