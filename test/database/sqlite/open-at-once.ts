import { parentPort, workerData } from "node:worker_threads";
import {
  openWriteConnection,
  openPullCounterConnection,
} from "../../../src/database/sqlite/connection.ts";
import { migrate } from "../../../src/database/sqlite/migrate.ts";

/* Opens both databases of a folder at the same time as other workers, and posts the outcome. */

interface Start {
  readonly main: string;
  readonly counts: string;
  readonly gate: SharedArrayBuffer;
}
const { main, counts, gate } = workerData as Start;
parentPort?.postMessage("ready");
Atomics.wait(new Int32Array(gate), 0, 0);
try {
  openPullCounterConnection(counts).close();
  const connection = openWriteConnection(main);
  migrate(connection);
  connection.close();
  parentPort?.postMessage("opened");
} catch (error) {
  parentPort?.postMessage(String(error));
}
