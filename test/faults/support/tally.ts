import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import { scratch } from "./scratch.ts";

/** The results of one fault test. They are printed when the test ends, also if it fails. */
export interface Tally {
  rounds: number;
  acknowledged: number;
  /** Messages about acknowledged data that is missing, and about other violations. */
  readonly lost: string[];
  readonly notes: string[];
  /** Fails if `lost` is not empty, or if nothing was acknowledged. */
  check(): void;
}

export function startTally(t: TestContext, fault: string): Tally {
  const lost: string[] = [];
  const notes: string[] = [];
  const tally: Tally & { checked: boolean } = {
    ...{ rounds: 0, acknowledged: 0, lost, notes },
    checked: false,
    check() {
      tally.checked = true;
      assert.deepEqual(lost.slice(0, 20), []);
      assert.ok(tally.acknowledged > 0, "nothing was acknowledged");
    },
  };
  t.after(() => {
    // Without this note a test that ended early, for example because the server did not start, would look complete.
    const ended = tally.checked ? [] : ["ended before its check"];
    const sums = `${tally.rounds} rounds, ${tally.acknowledged} acknowledged, ${lost.length} lost`;
    const line = [`${fault}: ${sums}`, ...ended, ...notes].join("; ");
    t.diagnostic(line);
    appendFileSync(path.join(scratch, "summary"), `${line}\n`);
  });
  return tally;
}
