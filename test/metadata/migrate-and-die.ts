import process from "node:process";
import { openWriteConnection } from "../../src/metadata/sqlite/connection.ts";
import { migrate, readMigrations } from "../../src/metadata/sqlite/migrate.ts";
import { statementsOf } from "./statements.ts";

/*
 * Brings a database up to date, and is killed behind so many statements of one step:
 *   node … migrate-and-die.ts FILE VERSION STATEMENTS
 */
const [file = "", version, behind] = process.argv.slice(2);
const connection = openWriteConnection(file);
connection.function("die", () => {
  process.kill(process.pid, "SIGKILL");
  // It is not there at once; nothing more must happen until it is.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
migrate(
  connection,
  readMigrations().map((step) => {
    if (step.version !== Number(version)) return step;
    const statements = statementsOf(step.text).toSpliced(Number(behind), 0, "SELECT die()");
    return { ...step, text: statements.join(";\n") };
  }),
);
