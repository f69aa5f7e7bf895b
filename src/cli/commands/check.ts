import type { Command } from "commander";
import type { Maintenance } from "../../app/maintenance.ts";
import {
  dataFolderCommand,
  withDataFolder,
  type DataFolderOptions,
} from "../support/data-folder.ts";
import { createOutput, createProgress } from "../support/output.ts";

interface Options extends DataFolderOptions {
  readonly repair?: true;
}

const notes = `
Looks at every row and every file and changes nothing; exit code 1 when something is wrong. It compares
sizes; "berth scrub" reads every byte. --repair does only what loses nothing: it marks blobs without
bytes as missing, so that the next push heals them, shows missing blobs again whose bytes are back, and
removes files that no row names.
`;

/** `berth check`: reports broken invariants. */
export function checkCommand(): Command {
  return dataFolderCommand("check", "say what is wrong with the data, and mend what is safe")
    .option("--repair", "mend what can be mended without losing anything")
    .addHelpText("after", notes)
    .action(check);
}

/** The total of the progress bar. An error of the database is ignored here, because the check reports it. */
const blobsIn = (maintenance: Maintenance): Promise<number> =>
  maintenance.counts().then(
    ({ blobs }) => blobs,
    () => 0,
  );

async function check(options: Options): Promise<void> {
  const output = createOutput(options);
  await withDataFolder(options, async (maintenance) => {
    const progress = createProgress("checking", await blobsIn(maintenance));
    let wrong = 0;
    let mended = 0;
    for await (const { invariant, subject, repair } of maintenance.check(() =>
      progress.advance(1),
    )) {
      wrong += 1;
      if (options.repair && repair !== undefined) {
        await repair.apply();
        if (repair.mends) mended += 1;
      }
      const done = repair !== undefined && options.repair ? `; ${repair.what}` : "";
      progress.pause(() =>
        output.say(
          { kind: "finding", invariant, subject, repaired: done !== "" },
          `broken: ${invariant}: ${subject}${done}`,
        ),
      );
    }
    progress.end();
    output.say(
      { kind: "sum", wrong, mended },
      wrong === 0 ? "all is well" : `${wrong} things are wrong, ${mended} of them mended`,
    );
    if (wrong > mended) process.exitCode = 1;
  });
}
