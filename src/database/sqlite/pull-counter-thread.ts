import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import type { Counted } from "../catalog/pull-counters.ts";
import { openReadConnection } from "./connection.ts";
import { openCountsConnection } from "./pull-counter-connection.ts";
import type { CountsAnswer, CountsWriterData } from "./pull-counter-writer.ts";
import { createCountsBook } from "./pull-counter-commands.ts";
import { describe } from "./group-commit.ts";

/* The thread that writes counts, so that the event loop never waits for another process that does so too. */

function serve(port: MessagePort, { file, mainFile }: CountsWriterData): void {
  const counts = openCountsConnection(file);
  const main = openReadConnection(mainFile);
  const book = createCountsBook(counts, main);
  port.on("message", (message: readonly Counted[] | "close") => {
    if (message === "close") {
      counts.close();
      main.close();
      port.close();
      return;
    }
    let answer: CountsAnswer;
    try {
      answer = { ranks: book.add(message) };
    } catch (error) {
      answer = { error: describe(error) };
    }
    port.postMessage(answer);
  });
}

if (parentPort === null) throw new Error("counts are written in a worker thread");
serve(parentPort, workerData as CountsWriterData);
