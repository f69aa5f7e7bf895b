import type { Config } from "../config/schema.ts";
import type { RepositoryFolder } from "../repositories.ts";
import { withOpened, type DataFolderOptions } from "./data-folder.ts";
import { Failure } from "./failure.ts";
import { createOutput, type Output } from "./output.ts";

export interface Work {
  readonly folder: RepositoryFolder;
  readonly output: Output;
}

/** Errors that say what is wrong with what was asked for. */
const refusals = new Set(["OciError", "AccountError"]);

/** Does the work on the repositories of a data folder; what is refused becomes one line. */
export async function withRepositories(
  options: DataFolderOptions,
  work: (work: Work) => Promise<void>,
): Promise<void> {
  const open = async (config: Config): Promise<RepositoryFolder> =>
    (await import("../repositories.ts")).openRepositories(config);
  await withOpened(options, open, async (folder) => {
    try {
      await work({ folder, output: createOutput(options) });
    } catch (error) {
      const isRefused = error instanceof Error && refusals.has(error.name);
      if (isRefused) throw new Failure(error.message, { cause: error });
      throw error;
    }
  });
}
