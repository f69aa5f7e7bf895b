import type { SharedServices } from "../../app/app-process.ts";
import type { CommandName } from "../../database/commands.ts";
import type { Durability } from "../../database/contract.ts";
import { commandError } from "../../database/sqlite/errors.ts";
import type { UploadLock } from "../../registry/uploads/locks.ts";
import type { Channel, Handlers } from "./channel.ts";

/*
 * Shares the one writer of the database and the locks of uploads over a channel. The worker numbers its locks itself,
 * so that it knows the number before the primary can send a message about the lock.
 */

interface Acquire {
  readonly id: number;
  readonly upload: string;
}

interface Run {
  readonly name: CommandName;
  readonly input: unknown;
  readonly durability: Durability | undefined;
}

/**
 * Minimum time between two heartbeats of a lock; much shorter than the time after which a silent holder loses its lock.
 */
const heartbeatEveryMs = 200;

/** The primary's side, for one worker. The caller calls `reclaim` when the worker has exited. */
export function serveSharedServices(
  { writer, locks }: SharedServices,
  channel: () => Channel,
): Handlers & { readonly reclaim: () => void } {
  const held = new Map<number, UploadLock>();
  let gone = false;

  const acquire = async ({ id, upload }: Acquire): Promise<boolean> => {
    const lock = await locks.acquire(upload);
    if (lock === undefined) return false;
    if (gone) {
      void lock.release();
      return false;
    }
    held.set(id, lock);
    lock.abortSignal.addEventListener("abort", () => channel().tell("abortSignal", id), {
      once: true,
    });
    return true;
  };
  const release = (id: number): void => {
    void held.get(id)?.release();
    held.delete(id);
  };

  return {
    answers: {
      run: ({ name, input, durability }: Run) => writer.run(name, input, durability),
      probe: () => writer.probe(),
      acquire,
      isHeld: (upload: string) => locks.isHeld(upload),
    },
    notes: {
      heartbeat: (id: number) => held.get(id)?.heartbeat(),
      release,
    },
    reclaim: () => {
      gone = true;
      for (const id of [...held.keys()]) release(id);
    },
  };
}

/** The worker's side, and its handlers for messages of the primary. */
export function connectSharedServices(channel: () => Channel): {
  readonly sharedServices: SharedServices;
  readonly notes: Handlers;
} {
  const held = new Map<number, AbortController>();
  let lastId = 0;
  const ask = async (name: string, input?: unknown): Promise<unknown> => {
    try {
      return await channel().ask(name, input);
    } catch (error) {
      const { message, code = "INTERNAL" } = error as NodeJS.ErrnoException;
      throw commandError(message, code === "GONE" ? "WRITER_GONE" : code);
    }
  };

  const sharedServices: SharedServices = {
    writer: {
      run: (name, input, durability) => ask("run", { name, input, durability } satisfies Run),
      probe: async () => void (await ask("probe")),
      // The primary closes the writer.
      close: () => Promise.resolve(),
    },
    locks: {
      async acquire(upload) {
        lastId += 1;
        const id = lastId;
        const abortController = new AbortController();
        held.set(id, abortController);
        const release = (): void => {
          if (held.delete(id)) channel().tell("release", id);
        };
        if (!(await ask("acquire", { id, upload } satisfies Acquire).catch(forget(id)))) {
          held.delete(id);
          return undefined;
        }
        let toldAtMs = performance.now();
        return {
          abortSignal: abortController.signal,
          // Another process may have held the lock since the caller read the row.
          acquiredWithoutWaiting: false,
          heartbeat: () => {
            if (performance.now() - toldAtMs < heartbeatEveryMs) return;
            toldAtMs = performance.now();
            channel().tell("heartbeat", id);
          },
          release,
        };
      },
      isHeld: async (upload) => (await ask("isHeld", upload)) === true,
    },
  };
  const forget = (id: number) => (error: unknown) => {
    held.delete(id);
    throw error;
  };
  return {
    sharedServices,
    notes: { notes: { abortSignal: (id: number) => held.get(id)?.abort() } },
  };
}
