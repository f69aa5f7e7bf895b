/** A list of cleanup functions for open parts. */
export interface Closing {
  add(close: () => Promise<void> | void): void;
  /**
   * Closes all parts, the last one first, even if some fail. Rejects with the error, or with an AggregateError if
   * several parts fail.
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
