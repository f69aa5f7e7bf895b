import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { inOrder } from "../../src/concurrency/in-order.ts";

test("results come in the order of the items, and at most so many run at the same time", async () => {
  let [running, most] = [0, 0];
  const results: number[] = [];
  const work = async (item: number): Promise<number> => {
    running += 1;
    most = Math.max(most, running);
    await pause((7 - item) % 4);
    running -= 1;
    return item;
  };
  for await (const result of inOrder([1, 2, 3, 4, 5, 6, 7], 3, work)) results.push(result);
  assert.deepEqual(results, [1, 2, 3, 4, 5, 6, 7]);
  assert.equal(most, 3);
});

test("a failure is thrown in its turn, and starts no more work", async () => {
  const begun: number[] = [];
  const results: number[] = [];
  const work = async (item: number): Promise<number> => {
    begun.push(item);
    if (item === 2) throw new Error("failed");
    return item;
  };
  await assert.rejects(async () => {
    for await (const result of inOrder([1, 2, 3, 4, 5, 6], 2, work)) results.push(result);
  }, /failed/);
  assert.deepEqual([results, begun], [[1], [1, 2, 3]]);
});
