import path from "node:path";
import { Worker } from "node:worker_threads";
import { deserializeError, type SerializedError } from "../../src/concurrency/serialized-error.ts";

/** A request to create a file that is durable together with its name. */
export interface FileRequest {
  readonly id: number;
  readonly target: string;
  readonly bytes: Uint8Array;
}

export interface FileAnswer {
  readonly id: number;
  readonly failure?: SerializedError;
}

export interface DurableFileWriter {
  /**
   * Creates a file in an existing directory. When it resolves, the file and its name survive a power cut. If it rejects
   * (with Node's `code`), the file does not exist.
   */
  write(target: string, bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** One thread is enough when flushes are fast. When flushes are slow, parallel flushes share disk operations. */
const threadsAtMost = 4;
/** When every thread has this many files in its queue, another thread starts. */
const fullAt = 8;

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, { resolve: () => void; reject: (error: Error) => void }>;
}

/**
 * Writes small files in separate threads (`durable-file-writer-thread.ts`). One message replaces seven calls into
 * Node's thread pool (open, write, flush and close the file; open, flush and close its directory). Those calls cost the
 * main thread more than all other work of a push. A thread flushes its queued files together. The first thread starts
 * with the first file.
 */
export function createDurableFileWriter(): DurableFileWriter {
  const threads: Thread[] = [];
  let lastId = 0;

  const start = (): Thread => {
    const extension = path.extname(import.meta.url);
    const worker = new Worker(
      new URL(`./durable-file-writer-thread${extension}`, import.meta.url),
      {
        name: "durable files",
        // The messages are short-lived. Node's default would let the young generation grow to tens of megabytes.
        resourceLimits: { maxYoungGenerationSizeMb: 4 },
      },
    );
    const thread: Thread = { worker, waiting: new Map() };
    const fail = (error: Error): void => {
      const at = threads.indexOf(thread);
      if (at >= 0) threads.splice(at, 1);
      for (const { reject } of thread.waiting.values()) reject(error);
      thread.waiting.clear();
    };
    worker.on("message", (answers: readonly FileAnswer[]) => {
      for (const { id, failure } of answers) {
        const asked = thread.waiting.get(id);
        thread.waiting.delete(id);
        if (failure === undefined) asked?.resolve();
        else asked?.reject(deserializeError(failure));
      }
      // An idle thread does not keep the process running.
      if (thread.waiting.size === 0) worker.unref();
    });
    worker.on("error", fail);
    worker.on("exit", () =>
      fail(Object.assign(new Error("the thread that writes files has ended"), { code: "EIO" })),
    );
    threads.push(thread);
    return thread;
  };

  const choose = (): Thread => {
    const [first, ...others] = threads;
    if (first === undefined) return start();
    const idlest = others.reduce((a, b) => (b.waiting.size < a.waiting.size ? b : a), first);
    return idlest.waiting.size >= fullAt && threads.length < threadsAtMost ? start() : idlest;
  };

  return {
    write: (target, bytes) =>
      new Promise((resolve, reject) => {
        const { worker, waiting } = choose();
        lastId += 1;
        waiting.set(lastId, { resolve, reject });
        worker.ref();
        worker.postMessage({ id: lastId, target, bytes } satisfies FileRequest);
      }),
    async close() {
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
}
