import { setTimeout as pause } from "node:timers/promises";

const patienceMs = 60_000;

/** Checks every 5 ms until `isSo` returns true. Rejects after 60 s with an error that names `what`. */
export async function waitUntil(
  what: string,
  isSo: () => boolean | Promise<boolean>,
): Promise<void> {
  const untilMs = performance.now() + patienceMs;
  while (!(await isSo())) {
    if (performance.now() > untilMs) throw new Error(`waited in vain until ${what}`);
    await pause(5);
  }
}
