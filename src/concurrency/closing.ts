/** Parts that are open, and have to be closed again. */
export interface Closing {
  add(close: () => Promise<void> | void): void;
  /**
   * Closes all of them, the last one first. One that fails keeps none of the others open; rejects with what failed
   * (an AggregateError if several did).
   */
  run(): Promise<void>;
}

export function createClosing(): Closing {
  const parts: (() => Promise<void> | void)[] = [];
  return {
    add: (close) => void parts.push(close),
    async run() {
      const errors: unknown[] = [];
      for (const close of parts.splice(0).toReversed()) {
        try {
          await close();
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length > 1) throw new AggregateError(errors, "several parts could not be closed");
      if (errors.length === 1) throw errors[0];
    },
  };
}

/** Opens parts one by one; if one cannot be opened, those before it are closed and its error is thrown. */
export async function openAll<T>(open: (closing: Closing) => Promise<T>): Promise<T> {
  const closing = createClosing();
  try {
    return await open(closing);
  } catch (error) {
    await closing.run().catch(() => undefined);
    throw error;
  }
}
