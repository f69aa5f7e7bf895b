import { setTimeout as pause } from "node:timers/promises";

const patienceMs = 60_000;

/** Looks every few milliseconds until it is so. Rejects after a minute, so that a test that waits in vain says for what. */
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
