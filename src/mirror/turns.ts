/** How many go on before whoever has come meanwhile is looked at. */
const together = 8;

/**
 * Hundreds who have waited for the same thing do not all go on at the same moment: the first of them has its next request
 * answered while the last still waits for this one.
 */
export function createTurns(): () => Promise<void> {
  const waiting: (() => void)[] = [];
  const goOn = (): void => {
    for (const go of waiting.splice(0, together)) go();
    if (waiting.length > 0) setImmediate(goOn);
  };
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (waiting.length === 1) setImmediate(goOn);
    });
}
