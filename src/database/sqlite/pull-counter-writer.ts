import path from "node:path";
import { Worker } from "node:worker_threads";
import type { PullCounterChange, PullBucket } from "../catalog/pull-counters.ts";
import { DatabaseError } from "../writer.ts";
import type { CommandFailure } from "./writer.ts";

export interface PullCounterWriterData {
  readonly file: string;
  readonly mainFile: string;
}

export type PullCounterAnswer =
  | { readonly ranks: readonly PullBucket[] }
  | { readonly error: CommandFailure };

/**
 * Runs the thread that writes the pull counters (`pull-counter-thread.ts`): one batch at a time. The first batch starts
 * it.
 */
export function createPullCounterWriter(workerData: PullCounterWriterData) {
  let thread: Worker | undefined;
  let busy: Promise<unknown> = Promise.resolve();
  let isClosed = false;

  const start = (): Worker => {
    const extension = path.extname(import.meta.url);
    const started = new Worker(new URL(`./pull-counter-thread${extension}`, import.meta.url), {
      workerData,
    });
    // After the thread has exited, the next batch starts it again.
    started.once("exit", () => {
      if (thread === started) thread = undefined;
    });
    return started;
  };
  const send = (counted: readonly PullCounterChange[]): Promise<readonly PullBucket[]> =>
    new Promise((resolve, reject) => {
      thread ??= start();
      const worker = thread;
      const onAnswer = (answer: PullCounterAnswer): void => {
        forget();
        if ("ranks" in answer) resolve(answer.ranks);
        else reject(new DatabaseError(answer.error.message, answer.error.code));
      };
      const onEnd = (reason: unknown): void => {
        forget();
        const said =
          reason instanceof Error ? reason.message : `the thread has ended (${String(reason)})`;
        reject(new DatabaseError(said, "COUNTS_GONE"));
      };
      const forget = (): void => {
        worker.off("message", onAnswer).off("error", onEnd).off("exit", onEnd);
      };
      worker.on("message", onAnswer).on("error", onEnd).on("exit", onEnd);
      worker.postMessage(counted);
    });

  return {
    add(counted: readonly PullCounterChange[]): Promise<readonly PullBucket[]> {
      if (isClosed)
        return Promise.reject(new DatabaseError("the pull counters are closed", "COUNTS_GONE"));
      const sent = busy.then(() => send(counted));
      busy = sent.catch(() => undefined);
      return sent;
    },
    async close(): Promise<void> {
      isClosed = true;
      await busy;
      const worker = thread;
      if (worker === undefined) return;
      const ended = new Promise((resolve) => worker.once("exit", resolve));
      worker.postMessage("close");
      await ended;
    },
  };
}
