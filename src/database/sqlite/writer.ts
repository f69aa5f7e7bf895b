import path from "node:path";
import { Worker } from "node:worker_threads";
import type { Writer } from "../contract.ts";
import { commandError, sqliteError } from "./errors.ts";

export interface WriterData {
  readonly file: string;
}

export interface Request {
  readonly id: number;
  readonly command: string;
  readonly input: unknown;
  readonly flush: boolean;
}

/** An error as plain data; its class is lost when it crosses threads. */
export interface CommandFailure {
  readonly message: string;
  readonly code: string;
}

export type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: CommandFailure };

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Starts the writer thread (`writer-thread.ts`). Resolves after the database is open and migrated. If the thread exits,
 * all pending and later requests reject.
 */
export async function startWriter(file: string): Promise<Writer> {
  const extension = path.extname(import.meta.url);
  const workerData: WriterData = { file };
  const thread = new Worker(new URL(`./writer-thread${extension}`, import.meta.url), {
    name: "writer",
    workerData,
  });
  const pending = new Map<number, Pending>();
  let lastId = 0;
  let gone: Error | undefined;

  const give = (answer: Answer): void => {
    const waiting = pending.get(answer.id);
    pending.delete(answer.id);
    if ("error" in answer) waiting?.reject(commandError(answer.error.message, answer.error.code));
    else waiting?.resolve(answer.result);
  };
  const fail = (error: Error): void => {
    gone ??= error;
    for (const { reject } of pending.values()) reject(gone);
    pending.clear();
  };
  const ask = (command: string, input: unknown, flush: boolean): Promise<unknown> => {
    if (gone !== undefined) return Promise.reject(gone);
    return new Promise((resolve, reject) => {
      lastId += 1;
      pending.set(lastId, { resolve, reject });
      thread.postMessage({ id: lastId, command, input, flush } satisfies Request);
    });
  };

  const exited = new Promise<void>((resolve) => {
    thread.once("exit", (code) => {
      fail(sqliteError(`the writer has ended (${code})`, "WRITER_GONE"));
      resolve();
    });
  });
  await new Promise<void>((resolve, reject) => {
    thread.once("message", (message: "ready" | CommandFailure) => {
      if (message === "ready") resolve();
      else reject(sqliteError(message.message, message.code));
    });
    thread.once("error", reject);
  });
  thread.on("error", fail);
  thread.on("message", (answers: readonly Answer[]) => {
    for (const answer of answers) give(answer);
  });

  return {
    run: (name, input, durability) => ask(name, input, durability?.flush ?? true),
    async probe() {
      await ask("probe", undefined, false);
    },
    async close() {
      if (gone === undefined) thread.postMessage("close");
      await exited;
    },
  };
}
