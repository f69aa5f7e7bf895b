import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import { scratch } from "./scratch.ts";

/** What a fault has done, printed when its test ends, well or not. */
export interface Tally {
  rounds: number;
  acknowledged: number;
  /** What was acknowledged and is not there, or what must never be, in words. */
  readonly lost: string[];
  readonly notes: string[];
  /** Fails if anything is lost, or if nothing was put at risk. */
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
    // A test that ended early, as when there is no start after the fault, has nothing to show for what it had.
    const ended = tally.checked ? [] : ["ended before its check"];
    const sums = `${tally.rounds} rounds, ${tally.acknowledged} acknowledged, ${lost.length} lost`;
    const line = [`${fault}: ${sums}`, ...ended, ...notes].join("; ");
    t.diagnostic(line);
    appendFileSync(path.join(scratch, "summary"), `${line}\n`);
  });
  return tally;
}
