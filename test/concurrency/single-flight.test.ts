import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createSingleFlight } from "../../src/concurrency/single-flight.ts";

describe("single flight", () => {
  test("concurrent calls with one key share one run and its result, and a later call runs again", async () => {
    const once = createSingleFlight<number>();
    let runs = 0;
    const work = async (): Promise<number> => {
      await Promise.resolve();
      return (runs += 1);
    };
    assert.deepEqual(
      await Promise.all([once("a", work), once("a", work), once("b", work)]),
      [1, 1, 2],
    );
    assert.equal(await once("a", work), 3);
  });

  test("concurrent calls share an error, and a later call runs again", async () => {
    const once = createSingleFlight<string>();
    const failing = (): Promise<string> => Promise.reject(new Error("no connection"));
    const calls = [once("a", failing), once("a", failing)];
    for (const call of calls) await assert.rejects(call, /no connection/);
    assert.equal(await once("a", async () => "done"), "done");
  });

  test("a call that throws before it starts its work does not affect the next call", async () => {
    const once = createSingleFlight<string>();
    assert.throws(() =>
      once("a", () => {
        throw new Error("too many requests");
      }),
    );
    assert.equal(await once("a", async () => "done"), "done");
  });
});
