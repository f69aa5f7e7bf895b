import process from "node:process";
import type { Command } from "commander";
import type { AppContext } from "../../app/context.ts";
import type { Finding } from "../../maintenance/check.ts";
import { namespaceOf } from "../../oci/name.ts";
import { withDataFolder } from "../support/data-folder.ts";
import { dataFolderCommand, type DataFolderOptions } from "../support/options.ts";
import { createProgress } from "../support/output.ts";

interface Options extends DataFolderOptions {
  readonly repair?: true;
}

const notes = `
It reads every row and the name and size of every file, and changes nothing.
"berth scrub" also reads the bytes. The exit code is 1 if there is an error.

--repair does only what loses no data: it marks blobs without bytes as missing,
so that the next push restores them; it shows missing blobs again if their bytes
are back; and it deletes files that no row names.
`;

/** `berth check`: reports broken invariants. */
export function checkCommand(): Command {
  return dataFolderCommand("check", "compare the rows of the database with the stored files")
    .option("--repair", "repair what can be repaired without losing data")
    .addHelpText("after", notes)
    .action(check);
}

function check(options: Options): Promise<void> {
  return withDataFolder(options, async (context, say) => {
    const progress = createProgress("checking", await blobsIn(context));
    let wrong = 0;
    let mended = 0;
    for await (const finding of await findingsOf(context, () => progress.advance(1))) {
      const { invariant, subject, repair } = finding;
      wrong += 1;
      const applied = options.repair ? repair : undefined;
      await applied?.apply();
      if (applied?.mends) mended += 1;
      const done = applied === undefined ? "" : `; ${applied.what}`;
      progress.pause(() =>
        say(
          { kind: "finding", invariant, subject, repaired: applied !== undefined },
          `broken: ${invariant}: ${subject}${done}`,
        ),
      );
    }
    progress.end();
    say(
      { kind: "sum", wrong, mended },
      wrong === 0 ? "no errors" : `${wrong} errors, ${mended} of them repaired`,
    );
    if (wrong > mended) process.exitCode = 1;
  });
}

/** The total of the progress bar. An error of the database is ignored here, because the check reports it. */
async function blobsIn(context: AppContext): Promise<number> {
  const { maintenance } = await context.database();
  return maintenance.counts().then(
    ({ blobs }) => blobs,
    () => 0,
  );
}

async function findingsOf(context: AppContext, seen: () => void): Promise<AsyncIterable<Finding>> {
  const { check: findings } = await import("../../maintenance/check.ts");
  const { clock, config, leaseTimes, mirrored } = context;
  const parts = {
    store: await context.store(),
    database: await context.database(),
    clock,
    // The command prints its findings itself.
    report: { warn: () => undefined },
    graceMs: leaseTimes.graceMs,
    isSparse: (name: Parameters<typeof namespaceOf>[0]) =>
      config.sparse || mirrored.has(namespaceOf(name)),
  };
  return findings(parts, seen);
}
