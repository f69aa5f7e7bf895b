import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { createLedger } from "../crash/ledger.ts";
import { losses } from "../crash/losses.ts";
import { startBerth } from "./support/berth.ts";
import { mountImage } from "./support/disks.ts";
import { finish } from "./support/finish.ts";
import { misanswered, saysWhy, tryAllWays } from "./support/requests.ts";
import { newPath } from "./support/scratch.ts";
import { run } from "./support/shell.ts";
import { startTally } from "./support/tally.ts";

const MiB = 2 ** 20;

/* ext4 does this when it detects an inconsistency: all writes fail, also those to open files. */
test("a server whose file system turns read-only rejects writes with 503 and loses no acknowledged data", async (t) => {
  const tally = startTally(t, "the file system turns read-only");
  const image = newPath("read-only");
  const make = ["mkfs.ext4", "-q", "-F"] as const;
  const point = await mountImage(image, 256 * MiB, make, "loop,errors=remount-ro");
  const data = path.join(point, "data");
  const ledger = createLedger();
  const berth = await startBerth(data);
  assert.deepEqual(misanswered(await tryAllWays(berth.wire, ledger, "before"), []), []);

  const device = path.basename(await run("findmnt", "-no", "SOURCE", point));
  await writeFile(`/sys/fs/ext4/${device}/trigger_fs_error`, "1");
  const attempts = await tryAllWays(berth.wire, ledger, "meanwhile");
  tally.lost.push(...misanswered(attempts, [503]));
  // 202 for a new session is no acknowledgement of data.
  if (attempts.some(({ answer }) => answer.status === 201))
    tally.lost.push("a write was acknowledged");
  await saysWhy(berth, /EROFS|read-only/i);
  tally.lost.push(...(await losses(berth.wire, ledger)));
  tally.rounds = 1;

  await berth.kill();
  await run("umount", point);
  await run("mount", "-o", "loop", image, point);
  const again = await startBerth(data);
  tally.lost.push(...misanswered(await tryAllWays(again.wire, ledger, "meanwhile"), []));
  await finish({ berth: again, data, ledger, tally });
});
