import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import type { PullCounterChange } from "../catalog/pull-counters.ts";
import { openReadConnection } from "./connection.ts";
import { openPullCounterConnection } from "./pull-counter-connection.ts";
import type { PullCounterAnswer, PullCounterWriterData } from "./pull-counter-writer.ts";
import { createPullCounterUpdates } from "./pull-counter-commands.ts";
import { describe } from "./group-commit.ts";

/* The thread that writes the pull counters. The event loop does not wait for another process that writes them. */

function serve(port: MessagePort, { file, mainFile }: PullCounterWriterData): void {
  const counts = openPullCounterConnection(file);
  const main = openReadConnection(mainFile);
  const book = createPullCounterUpdates(counts, main);
  port.on("message", (message: readonly PullCounterChange[] | "close") => {
    if (message === "close") {
      counts.close();
      main.close();
      port.close();
      return;
    }
    let answer: PullCounterAnswer;
    try {
      answer = { ranks: book.add(message) };
    } catch (error) {
      answer = { error: describe(error) };
    }
    port.postMessage(answer);
  });
}

if (parentPort === null) throw new Error("pull counters are written in a worker thread");
serve(parentPort, workerData as PullCounterWriterData);
