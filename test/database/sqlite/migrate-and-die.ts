import process from "node:process";
import { openWriteConnection } from "../../../src/database/sqlite/connection.ts";
import { readMigrations } from "../../../src/database/migrations.ts";
import { migrate } from "../../../src/database/sqlite/migrate.ts";

/*
 * Migrates a database, and kills itself after the last statement of one step, before the commit:
 *   node … migrate-and-die.ts FILE VERSION
 */
const [file = "", version] = process.argv.slice(2);
const connection = openWriteConnection(file);
connection.function("die", () => {
  process.kill(process.pid, "SIGKILL");
  // The signal does not arrive at once; the process must do nothing until it does.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
migrate(
  connection,
  readMigrations("sqlite").map((step) =>
    step.version === Number(version) ? { ...step, text: `${step.text};\nSELECT die();` } : step,
  ),
);
