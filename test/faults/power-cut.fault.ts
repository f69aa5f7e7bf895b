import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createRandom } from "../crash/content.ts";
import { createLedger } from "../crash/ledger.ts";
import { load } from "../crash/load.ts";
import { acknowledgedIn, losses } from "../crash/losses.ts";
import { walkRegistry } from "../crash/invariants.ts";
import { compareStored } from "../crash/stored.ts";
import { resume } from "../crash/uploader.ts";
import { audit } from "./support/audit.ts";
import { startBerth } from "./support/berth.ts";
import { createDisks, fileSystems, mountHolder, type FileSystem } from "./support/disks.ts";
import { long } from "./support/scratch.ts";
import { startTally, type Tally } from "./support/tally.ts";

/*
 * The disk image is copied at one moment, under load and without a flush. The copy has the content that a power cut
 * leaves. Berth continues on the copy until the next cut.
 *
 * The server is frozen while the images are copied, and running system calls end first. So two images show the same
 * moment of the server. The kernel may write back its cache between the two copies, as it may at any time.
 */
const rounds = long ? 20 : 2;
/** After this many rounds the test makes new disks, because each round reads back the ledger of all rounds before. */
const roundsOnOneDisk = 5;
const earliestCutMs = 150;
const latestCutMs = 2_000;
const KiB = 1024;

const holder = await mountHolder();
const random = createRandom(String(Date.now()));

for (const fileSystem of fileSystems) {
  for (const images of [1, 2] as const) {
    const fault = `power cut, ${fileSystem}, ${images === 1 ? "one image" : "two images"}`;
    test(fault, async (t) => {
      const tally = startTally(t, fault);
      if (!holder.atomic) tally.notes.push("the copies are not atomic");
      while (tally.rounds < rounds && tally.lost.length === 0) {
        const left = Math.min(roundsOnOneDisk, rounds - tally.rounds);
        await cutAgainAndAgain(fileSystem, images, left, tally);
      }
      tally.check();
    });
  }
}

async function cutAgainAndAgain(
  fileSystem: FileSystem,
  images: 1 | 2,
  cuts: number,
  tally: Tally,
): Promise<void> {
  const disks = await createDisks(holder, fileSystem, images);
  const ledger = createLedger();
  let berth = await startBerth(disks.data);
  for (let cut = 0; cut < cuts && tally.lost.length === 0; cut += 1) {
    const name = `${fileSystem}-${images}-${tally.rounds}`;
    const layerSizes = [90, 700, 40 * KiB, 260 * KiB, 700 * KiB] as const;
    const { wire } = berth;
    const ended = load({ wire, ledger, name, mixed: true, layerSizes });
    await pause(earliestCutMs + random.below(latestCutMs - earliestCutMs));
    await berth.freeze();
    await disks.cut();
    // Answers that were sent before the freeze still arrive, and count as acknowledged.
    await pause(20);
    await berth.kill();
    await ended;
    await disks.restore();

    const found = (await compareStored(disks.data)).problems;
    try {
      berth = await startBerth(disks.data);
    } catch (error) {
      // If the server does not start, all acknowledged data counts as lost.
      tally.lost.push(...Array.from({ length: acknowledgedIn(ledger) }, () => String(error)));
      throw error;
    }
    tally.lost.push(...found, ...(await losses(berth.wire, ledger)));
    if ((await compareStored(disks.data)).orphanUploads > 0)
      tally.lost.push("uploads without a row");
    tally.rounds += 1;
    if (tally.lost.length > 0) break;
    for (const upload of ledger.uploads)
      await resume({ ...upload, name: "", wire: berth.wire, ledger }, upload, false);
  }
  const walk = await walkRegistry(berth.wire);
  await berth.stop();
  tally.lost.push(...walk.problems, ...(await audit(disks.data)));
  tally.acknowledged += acknowledgedIn(ledger);
  await disks.remove();
}
