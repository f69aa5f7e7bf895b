import {
  deserializeError,
  serializeError,
  type SerializedError,
} from "../../concurrency/serialized-error.ts";

/*
 * Requests and one-way messages between two processes. They carry plain data and bytes; of an error its message and
 * code.
 */

/** One end of an ordered message transport: a child process, or the process itself as a child. */
export interface Port {
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Calls the listener when the other process has exited. */
  onGone(listener: () => void): void;
}

/** The handlers of this side by name: `answers` for requests, `notes` for one-way messages. */
export interface Handlers {
  readonly answers?: Readonly<Record<string, (input: never) => Promise<unknown>>>;
  readonly notes?: Readonly<Record<string, (input: never) => void>>;
}

export interface Channel {
  /**
   * Resolves with the other side's answer. Rejects with its error, or with code `GONE` if the other process has exited.
   */
  ask(name: string, input?: unknown): Promise<unknown>;
  tell(name: string, input?: unknown): void;
}

type Message =
  | { readonly kind: "ask"; readonly id: number; readonly name: string; readonly input: unknown }
  | { readonly kind: "answer"; readonly id: number; readonly result: unknown }
  | { readonly kind: "failure"; readonly id: number; readonly failure: SerializedError }
  | { readonly kind: "tell"; readonly name: string; readonly input: unknown };

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export function createChannel(port: Port, { answers = {}, notes = {} }: Handlers): Channel {
  const pending = new Map<number, Pending>();
  let lastId = 0;
  let gone = false;

  const send = (message: Message): void => port.send(message);
  const answer = async (id: number, name: string, input: unknown): Promise<void> => {
    try {
      const answering = answers[name];
      if (answering === undefined) throw new Error(`there is no handler for ${name}`);
      send({ kind: "answer", id, result: await answering(input as never) });
    } catch (error) {
      send({ kind: "failure", id, failure: serializeError(error) });
    }
  };
  const settle = (id: number, by: (waiting: Pending) => void): void => {
    const waiting = pending.get(id);
    pending.delete(id);
    if (waiting !== undefined) by(waiting);
  };

  port.onMessage((received) => {
    const message = received as Message;
    if (message.kind === "ask") void answer(message.id, message.name, message.input);
    else if (message.kind === "tell") notes[message.name]?.(message.input as never);
    else if (message.kind === "answer")
      settle(message.id, ({ resolve }) => resolve(message.result));
    else settle(message.id, ({ reject }) => reject(deserializeError(message.failure)));
  });
  port.onGone(() => {
    gone = true;
    for (const { reject } of pending.values()) reject(goneError());
    pending.clear();
  });

  return {
    ask(name, input) {
      if (gone) return Promise.reject(goneError());
      return new Promise((resolve, reject) => {
        lastId += 1;
        pending.set(lastId, { resolve, reject });
        send({ kind: "ask", id: lastId, name, input });
      });
    },
    tell(name, input) {
      if (!gone) send({ kind: "tell", name, input });
    },
  };
}

const goneError = (): Error =>
  deserializeError({ message: "the other process of this server has ended", code: "GONE" });
