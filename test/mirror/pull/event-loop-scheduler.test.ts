import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as round } from "node:timers/promises";
import { createMemoryStore } from "../../../storage/memory/store.ts";
import { readPartialBlob } from "../../../src/mirror/pull/partial-blob.ts";
import { createEventLoopScheduler } from "../../../src/mirror/pull/event-loop-scheduler.ts";

describe("the event-loop scheduler", () => {
  test("resumes readers in order, and fewer of them in an iteration in which a client has connected", async () => {
    const scheduler = createEventLoopScheduler();
    const gone: number[] = [];
    const all = Array.from({ length: 200 }, (_, index) =>
      scheduler.yieldTurn().then(() => void gone.push(index)),
    );
    const inThisRound = async (): Promise<number> => {
      const before = gone.length;
      await round();
      return gone.length - before;
    };
    const counts = [];
    for (const hasArrived of [true, true, false, true, false, false]) {
      if (hasArrived) scheduler.arrived();
      counts.push(await inThisRound());
    }
    const [first = 0, second, third = 0, fourth] = counts;
    assert.ok(first > 0 && first < 10, `${first} in the first round`);
    assert.deepEqual([second, fourth], [first, first]);
    assert.ok(third > 10 * first, `${third} in a round without new connections`);
    await Promise.all(all);
    assert.deepEqual(
      gone,
      gone.toSorted((a, b) => a - b),
    );
  });

  test("yields to the event loop while a reader reads bytes that are all in memory", async () => {
    const piece = Buffer.alloc(1024);
    const chunks = 3_000_000;
    const partialBlob = {
      ...{ upload: "", storageKey: undefined, availableBytes: chunks * piece.length },
      until: () => Promise.resolve(),
      recentBytes: { push: () => undefined, from: () => piece },
    };
    const range = { start: 0, end: chunks * piece.length - 1 };
    let rounds = 0;
    let taken = 0;
    const count = async (): Promise<void> => {
      for (; rounds < 3; rounds += 1) await round();
    };
    const counted = count();
    for await (const chunk of readPartialBlob(
      createMemoryStore(),
      partialBlob,
      range,
      createEventLoopScheduler(),
    )) {
      taken += chunk.length;
      if (rounds === 3) break;
    }
    await counted;
    assert.ok(taken <= range.end, "the loop came round only when all was read");
  });
});
