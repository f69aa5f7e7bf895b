import type { EventEmitter } from "node:events";
import { constants } from "node:os";
import process from "node:process";
import { isatty } from "node:tty";
import type { Logger } from "../observability/logger.ts";

/** The process, or its replacement in a test. */
export type SignalSource = Pick<EventEmitter, "on" | "off">;

type EndSignal = "SIGTERM" | "SIGINT";

export interface Ending {
  readonly signals: SignalSource;
  readonly logger: Logger;
  /** Ends when the running requests have ended. Resolves with the exit code. */
  readonly drain: (signal: EndSignal) => Promise<number>;
  /** Ends at once, without closing anything. */
  readonly endNow: (signal: EndSignal) => Promise<void>;
  /** Called on SIGHUP, unless it means that the terminal of the process was closed: that drains. */
  readonly reload: () => void;
}

/**
 * Drains on SIGTERM or SIGINT, ends at once on a second one, reloads on SIGHUP.
 * `ended` resolves with the exit code. After a second signal n the code is 128 + n.
 */
export function endOnSignals({ signals, logger, drain, endNow, reload }: Ending): {
  /** Ends like a first signal. */
  readonly drain: () => void;
  readonly ended: Promise<number>;
} {
  const terminal = [0, 1, 2].find(isatty);
  let isDraining = false;
  let forcedCode: number | undefined;
  let finish: (code: number) => void;
  const ended = new Promise<number>((resolve) => (finish = resolve));
  const failed = (error: unknown): void => {
    logger.error({ err: error }, "the server could not be closed");
    finish(1);
  };

  const begin = (signal: EndSignal): void => {
    if (isDraining) return;
    isDraining = true;
    drain(signal).then((code) => finish(forcedCode ?? code), failed);
  };
  const onSignal = (signal: EndSignal): void => {
    if (!isDraining) return begin(signal);
    const code = 128 + constants.signals[signal];
    forcedCode = code;
    endNow(signal).then(() => finish(code), failed);
  };
  const onHangup = (): void => {
    if (terminal === undefined || isatty(terminal)) return reload();
    begin("SIGTERM");
    // Without its terminal, Node aborts when it exits. By now the signal has its default again, which ends the process.
    void ended.then(() => process.kill(process.pid, "SIGHUP"));
  };

  signals.on("SIGTERM", onSignal).on("SIGINT", onSignal).on("SIGHUP", onHangup);
  void ended.then(() =>
    signals.off("SIGTERM", onSignal).off("SIGINT", onSignal).off("SIGHUP", onHangup),
  );
  return { drain: () => begin("SIGTERM"), ended };
}
