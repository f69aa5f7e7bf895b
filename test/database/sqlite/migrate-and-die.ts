import process from "node:process";
import { openWriteConnection } from "../../../src/database/sqlite/connection.ts";
import { migrate, readMigrations } from "../../../src/database/sqlite/migrate.ts";

/*
 * Brings a database up to date, and is killed behind the last statement of one step, before its commit:
 *   node … migrate-and-die.ts FILE VERSION
 */
const [file = "", version] = process.argv.slice(2);
const connection = openWriteConnection(file);
connection.function("die", () => {
  process.kill(process.pid, "SIGKILL");
  // It is not there at once; nothing more must happen until it is.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
migrate(
  connection,
  readMigrations().map((step) =>
    step.version === Number(version) ? { ...step, text: `${step.text};\nSELECT die();` } : step,
  ),
);
