import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { commands, type AnyCommand } from "../commands.ts";
import { openWriteConnection, queriesOn } from "./connection.ts";
import { migrate } from "./migrate.ts";
import type { Answer, Request, WriterData } from "./writer.ts";

/*
 * The thread that writes. Commands that wait are taken together: one transaction, one flush of the disk, each in a
 * savepoint of its own so that one that fails takes nobody with it. Nobody hears of success before the commit.
 */

type Message = Request | "close";

const atMostTogether = 64;

const port = parentPort;
if (port === null) throw new Error("the writer runs in a worker thread");
const connection = openWriteConnection((workerData as WriterData).file);
migrate(connection);
const queries = queriesOn(connection);
const begin = connection.prepare("BEGIN IMMEDIATE");
const commit = connection.prepare("COMMIT");
const rollback = connection.prepare("ROLLBACK");
const savepoint = connection.prepare("SAVEPOINT command");
const release = connection.prepare("RELEASE command");
const undo = connection.prepare("ROLLBACK TO command");
const anyCommand = commands as unknown as Readonly<Record<string, AnyCommand>>;

const waiting: Request[] = [];
let working = false;
let closing = false;

async function perform(request: Request): Promise<Answer> {
  if (request.command === "probe") return { id: request.id, result: undefined };
  const command = anyCommand[request.command];
  if (command === undefined) throw new Error(`no such command: ${request.command}`);
  savepoint.run();
  try {
    const result = await command(queries, request.input);
    release.run();
    return { id: request.id, result };
  } catch (error) {
    // A full disk or an I/O error may have ended the whole transaction already: then all in it have failed.
    if (!connection.inTransaction) throw error;
    undo.run();
    release.run();
    return { id: request.id, error: describe(error) };
  }
}

async function performTogether(): Promise<Answer[]> {
  const taken: Request[] = [];
  try {
    begin.run();
    const answers: Answer[] = [];
    while (taken.length < atMostTogether) {
      const request = waiting.shift() ?? receive();
      if (request === undefined) break;
      taken.push(request);
      answers.push(await perform(request));
    }
    commit.run();
    return answers;
  } catch (error) {
    if (connection.inTransaction) rollback.run();
    if (taken.length === 0) taken.push(...waiting.splice(0));
    return taken.map(({ id }) => ({ id, error: describe(error) }));
  }
}

/** What has arrived while this thread was busy, without waiting for its event loop to come round. */
function receive(): Request | undefined {
  const message =
    port === null ? undefined : (receiveMessageOnPort(port)?.message as Message | undefined);
  if (message !== "close") return message;
  closing = true;
  return undefined;
}

function describe(error: unknown): { message: string; code: string } {
  const code = error instanceof Error && "code" in error ? String(error.code) : "INTERNAL";
  return { message: error instanceof Error ? error.message : String(error), code };
}

async function work(): Promise<void> {
  working = true;
  while (waiting.length > 0) port?.postMessage(await performTogether());
  working = false;
  if (!closing) return;
  connection.close();
  port?.close();
}

port.on("message", (message: Message) => {
  if (message === "close") closing = true;
  else waiting.push(message);
  if (!working) void work();
});
port.postMessage("ready");
