import {
  parentPort,
  receiveMessageOnPort,
  workerData,
  type MessagePort,
} from "node:worker_threads";
import { openWriteConnection } from "./connection.ts";
import { createGroupCommit, describe, type NextRequest } from "./group-commit.ts";
import { migrate } from "./migrate.ts";
import { releaseReserveFile, releaseReserveFileIfFull } from "./reserve-file.ts";
import type { Answer, Request, WriterData } from "./writer.ts";

/*
 * The writer thread has the only write connection. The event loop of the server never waits for a disk or for a lock of
 * another process.
 */

type Message = Request | "close";

function serve(port: MessagePort, file: string): void {
  releaseReserveFileIfFull(file);
  const connection = openWriteConnection(file);
  migrate(connection);
  const performTogether = createGroupCommit(connection);
  const waiting: Request[] = [];
  let taken: Request[] = [];
  let working = false;
  let closing = false;

  const accept = (message: Message | undefined): void => {
    if (message === "close") closing = true;
    else if (message !== undefined) waiting.push(message);
  };
  /**
   * The next request, also one that arrived while this thread was busy: read from the port without a turn of the event
   * loop.
   */
  const next: NextRequest = (isFit) => {
    if (waiting.length === 0) accept(receiveMessageOnPort(port)?.message as Message | undefined);
    const [request] = waiting;
    if (request === undefined || !isFit(request)) return undefined;
    waiting.shift();
    taken.push(request);
    return request;
  };
  /** On a full disk it deletes the reserve file and runs the failed commands again. */
  const perform = async (): Promise<readonly Answer[]> => {
    taken = [];
    const answers = await performTogether(next);
    const isFull = (answer: Answer): boolean =>
      "error" in answer && answer.error.code.startsWith("SQLITE_FULL");
    const full = new Set(answers.filter(isFull).map(({ id }) => id));
    if (full.size === 0 || !releaseReserveFile(file)) return answers;
    waiting.unshift(...taken.filter(({ id }) => full.has(id)));
    return answers.filter(({ id }) => !full.has(id));
  };
  const work = async (): Promise<void> => {
    working = true;
    while (waiting.length > 0) port.postMessage(await perform());
    working = false;
    if (!closing) return;
    connection.close();
    port.close();
  };

  port.on("message", (message: Message) => {
    accept(message);
    if (!working) void work();
  });
}

if (parentPort === null) throw new Error("the writer runs in a worker thread");
try {
  serve(parentPort, (workerData as WriterData).file);
  parentPort.postMessage("ready");
} catch (error) {
  parentPort.postMessage(describe(error));
  parentPort.close();
}
