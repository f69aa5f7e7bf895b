import { parentPort, workerData } from "node:worker_threads";
import type { Config } from "../config/schema.ts";
import { dryRunIn } from "./collection.ts";
import { openCommandContext } from "./command-context.ts";

/* The dry run of a collection: sends each step to the server, which started this thread. */

const { config, folder, deletesNow } = workerData as {
  readonly config: Config;
  readonly folder: string;
  readonly deletesNow: boolean;
};
const context = await openCommandContext(config, { store: true });
try {
  for await (const step of dryRunIn(folder, context, deletesNow))
    // An error of a store has parts that cannot be sent.
    parentPort?.postMessage(step.kind === "failed" ? { ...step, error: String(step.error) } : step);
} finally {
  await context.close();
}
