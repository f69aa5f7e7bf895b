import type { EventEmitter } from "node:events";
import { constants } from "node:os";
import type { ServerApp } from "../app/server-app.ts";
import type { Logger } from "../observability/logger.ts";
import type { Connections } from "./connections.ts";

/** The process, or its replacement in a test. */
export type SignalSource = Pick<EventEmitter, "on" | "off">;

export interface Ending {
  readonly signals: SignalSource;
  readonly connections: Connections;
  readonly app: ServerApp;
  readonly logger: Logger;
  readonly drainMs: number;
  readonly reload: (() => Promise<void>) | undefined;
}

/**
 * Drains on SIGTERM or SIGINT, ends at once on a second one, reloads on SIGHUP.
 * `ended` resolves with the exit code. After a second signal n the code is 128 + n, and nothing has been closed.
 */
export function endOnSignals({ signals, connections, app, logger, drainMs, reload }: Ending): {
  readonly drain: () => void;
  readonly ended: Promise<number>;
} {
  let draining = false;
  let finish: (code: number) => void;
  const ended = new Promise<number>((resolve) => (finish = resolve));

  const drain = async (): Promise<number> => {
    app.drain();
    await connections.drain(drainMs);
    await app.close();
    logger.info("ended");
    return 0;
  };
  const failed = (error: unknown): number => {
    logger.error({ err: error }, "closing failed");
    return 1;
  };
  const begin = (): void => {
    if (draining) return;
    draining = true;
    void drain()
      .catch(failed)
      .then((code) => finish(code));
  };
  const onSignal = (signal: "SIGTERM" | "SIGINT"): void => {
    if (draining) {
      logger.warn({ signal }, "second signal: ending at once");
      connections.destroy();
      finish(128 + constants.signals[signal]);
      return;
    }
    logger.info(
      { signal, limitMs: drainMs },
      "draining: running requests may end, a second signal ends at once",
    );
    begin();
  };
  const onHangup = (): void => void reload?.();

  signals.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  // Without a certificate SIGHUP keeps its default: a closed terminal ends the process.
  if (reload !== undefined) signals.on("SIGHUP", onHangup);
  void ended.then(() =>
    signals.off("SIGTERM", onSignal).off("SIGINT", onSignal).off("SIGHUP", onHangup),
  );
  return { drain: begin, ended };
}
