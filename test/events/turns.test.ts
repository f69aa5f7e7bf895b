import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Turns } from "../../src/events/turns.ts";

/** Turns with a clock of their own, whose work ends when the test says so. */
function start() {
  const time = { nowMs: 0 };
  const turns = new Turns(() => time.nowMs);
  const running = new Map<string, () => void>();
  const begin = (...receivers: readonly string[]): void =>
    turns.begin(
      receivers,
      (receiver) => new Promise<void>((resolve) => running.set(receiver, resolve)),
    );
  /** Ends the turn of a receiver. */
  const end = async (receiver: string): Promise<void> => {
    running.get(receiver)?.();
    running.delete(receiver);
    await new Promise(setImmediate);
  };
  return { time, turns, begin, end, runs: () => [...running.keys()] };
}

const slow = Array.from({ length: 20 }, (_, at) => `slow${at}`);

describe("the turns of receivers", () => {
  test("leave 4 of the 16 places to receivers that answered fast the last time", () => {
    const { turns, begin, runs } = start();
    begin(...slow);
    assert.equal(runs().length, 12);
    turns.answered("fast", 20);
    begin(...slow, "fast", "new");
    assert.deepEqual(runs().slice(12), ["fast"]);
    turns.answered("fast", 2_000);
    assert.equal(runs().length, 13);
  });

  test("are 16 at the same time, even if all receivers are fast", () => {
    const { turns, begin, runs } = start();
    for (const receiver of slow) turns.answered(receiver, 1);
    begin(...slow);
    assert.equal(runs().length, 16);
  });

  test("are over after 5 s if another receiver waits, which comes next", async () => {
    const { time, turns, begin, end, runs } = start();
    begin(...slow.slice(0, 12));
    time.nowMs = 60_000;
    assert.equal(turns.isOver("slow0"), false);
    begin(...slow);
    assert.equal(turns.isOver("slow0"), true);
    await end("slow0");
    begin(...slow);
    assert.equal(runs().at(-1), "slow12");
    time.nowMs += 4_999;
    assert.equal(turns.isOver("slow12"), false);
    // Those that wait get a turn before the one that had the last turn.
    for (let at = 13; at < 20; at += 1) {
      await end(runs()[0] ?? "");
      begin(...slow);
      assert.equal(runs().at(-1), `slow${at}`);
    }
    await end(runs()[0] ?? "");
    begin(...slow);
    assert.equal(runs().at(-1), "slow0");
  });
});
