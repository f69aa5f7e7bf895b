import { Command } from "commander";
import { demandConfig } from "../../config/load.ts";
import { withDatabase } from "../support/data-folder.ts";
import { dataFolderCommand, group, type DataFolderOptions } from "../support/options.ts";
import { createProgress, type Progress } from "../support/output.ts";

interface Options extends DataFolderOptions {
  readonly to: string;
  readonly keepSource?: true;
}

const notes = `
The file of --to is a complete configuration. With database.url the target is
that PostgreSQL database, without it the SQLite database of the data folder.
Environment variables count for the source, not for the target. The target must
have no registry, and no server may run on the source.

All rows are copied, with the pull counters, and compared. The signing keys are
copied too, so that tokens stay valid; with database.url they need
auth.keySecret. The blobs stay where they are: "berth storage copy" copies them.
After the copy no server starts on the source any more. --keep-source does not
mark it: the copy is a backup or a test.
`;

/** `berth database copy`: from a data folder to PostgreSQL, or back. */
export function databaseCommand(): Command {
  const copyCommand = dataFolderCommand("copy", "copy the database to PostgreSQL, or back")
    .requiredOption("--to <file>", "the configuration file of the target")
    .option("--keep-source", "do not mark the source as moved: the copy is a backup")
    .addHelpText("after", notes)
    .action(copy);
  return group(new Command("database").description("copy the database"), [copyCommand]);
}

async function copy(options: Options): Promise<void> {
  const { config: target } = await demandConfig({ configFile: options.to, env: {} });
  await withDatabase(options, async (context, say) => {
    const { copyDatabase } = await import("../../app/database-copy.ts");
    let bar: Progress | undefined;
    const progress = {
      start: (rows: number) => {
        bar = createProgress("copying", 2 * rows);
      },
      advance: (rows: number) => bar?.advance(rows),
    };
    const keepSource = options.keepSource === true;
    const copied = await copyDatabase(context, target, { keepSource, progress }).finally(() =>
      bar?.end(),
    );
    const keys = copied.keys === undefined ? "no signing keys" : `${copied.keys} signing keys`;
    say(
      { kind: "sum", ...copied, keys: copied.keys ?? 0 },
      `copied ${copied.rows} rows and ${keys}; all rows of the target are equal`,
    );
    if (!keepSource)
      say(
        { kind: "move", finished: true },
        `start Berth with ${options.to}: no server starts on the old database any more`,
      );
  });
}
