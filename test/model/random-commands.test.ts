import fc from "fast-check";
import { mkdtempSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { startBerth, type TestBerth } from "../support/berth.ts";
import { drivers } from "../support/settings.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { checkEverything } from "./checks.ts";
import { perform } from "./client.ts";
import { commands } from "./commands.ts";
import { Model } from "./model.ts";
import { createUniverse } from "./universe.ts";

/**
 * Runs sequences of random commands on a registry and on a model. `BERTH_MODEL_RUNS` is the number of sequences. A
 * failure is printed with the seed and the path that reproduce it, and with the shortest sequence that fails.
 */
const runs = Number(process.env["BERTH_MODEL_RUNS"] ?? 6);

for (const [driver, settings] of Object.entries(drivers)) {
  describe(`a registry on ${driver}`, () => {
    const folder = temporaryFolder();
    let berth: TestBerth;
    before(async () => {
      const data = mkdtempSync(path.join(folder, "data-"));
      berth = await startBerth(data, settings);
    });
    after(() => berth.close());

    test("answers random command sequences as the model does, and keeps all acknowledged content", async () => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(commands, async (sequence) => {
          run += 1;
          // Names ascend, so that the catalog after this run's name starts with this run's repositories.
          const model = new Model(createUniverse(`run${String(run).padStart(6, "0")}`));
          for (const [place, command] of sequence.entries()) {
            try {
              await perform(command, model, berth);
            } catch (error) {
              throw new Error(`command ${place}: ${JSON.stringify(command)}`, { cause: error });
            }
          }
          await checkEverything(model, berth);
          if (driver !== "memory" && run % 4 === 0) {
            await berth.restart();
            await checkEverything(model, berth);
          }
        }),
        { numRuns: runs, endOnFailure: false },
      );
    });
  });
}
