import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { createLedger } from "../crash/ledger.ts";
import { losses } from "../crash/losses.ts";
import { startBerth, type Berth } from "./support/berth.ts";
import { mountImage } from "./support/disks.ts";
import { finish } from "./support/finish.ts";
import {
  becomesReady,
  isRefused,
  misanswered,
  saysWhy,
  tryAllWays,
  type Attempt,
} from "./support/requests.ts";
import { newFolder, newPath } from "./support/scratch.ts";
import { run } from "./support/shell.ts";
import { startTally } from "./support/tally.ts";

const MiB = 2 ** 20;
const rounds = 2;

interface Shortage {
  readonly fault: string;
  /** Resolves with the path of the data folder. */
  readonly prepare: () => Promise<string>;
  /** Causes the shortage. */
  readonly begin: (data: string, berth: Berth) => Promise<void>;
  readonly end: (data: string, berth: Berth) => Promise<void>;
  /** The allowed statuses of rejected writes. */
  readonly statuses: readonly number[];
  /** The reason in the answer of /readyz; `undefined` if the server can't detect the shortage. */
  readonly named: RegExp | undefined;
}

const shortages: readonly Shortage[] = [
  {
    fault: "disk full",
    async prepare() {
      const point = newFolder("full");
      await run("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", point);
      return path.join(point, "data");
    },
    begin: (data) => fill(path.join(data, "../ballast")),
    end: (data) => rm(path.join(data, "../ballast")),
    statuses: [507],
    named: /ENOSPC|no space/i,
  },
  {
    fault: "disk full, ext4",
    prepare: async () =>
      path.join(await mountImage(newPath("small"), 64 * MiB, ["mkfs.ext4", "-q", "-F"]), "data"),
    begin: (data) => fill(path.join(data, "../ballast")),
    end: (data) => rm(path.join(data, "../ballast")),
    statuses: [507],
    named: /ENOSPC|no space/i,
  },
  {
    fault: "no inodes left",
    async prepare() {
      const make = ["mkfs.ext4", "-q", "-F", "-N", "128"] as const;
      return path.join(await mountImage(newPath("inodes"), 128 * MiB, make), "data");
    },
    async begin(data) {
      const point = path.dirname(data);
      const left = Number((await run("df", "--output=iavail", point)).split("\n")[1]);
      for (let file = 0; file < left; file += 1) await writeFile(path.join(point, `f${file}`), "");
    },
    async end(data) {
      await run("find", path.dirname(data), "-maxdepth", "1", "-name", "f*", "-delete");
    },
    statuses: [507],
    named: /ENOSPC|no space/i,
  },
  {
    // A mount with a file open for writing can't be remounted read-only. A bind mount on top of it can.
    fault: "read-only blobs",
    prepare: () => Promise.resolve(path.join(newFolder("read-only"), "data")),
    async begin(data) {
      await run("mount", "--bind", data, data);
      await run("mount", "-o", "remount,bind,ro", data);
    },
    end: async (data) => void (await run("umount", data)),
    statuses: [503],
    named: /EROFS|read-only/i,
  },
  {
    fault: "limit of the file size",
    prepare: () => Promise.resolve(path.join(newFolder("file-size"), "data")),
    begin: async (_, { pid }) =>
      void (await run("prlimit", "--pid", String(pid), `--fsize=${MiB / 2}:`)),
    end: async (_, { pid }) =>
      void (await run("prlimit", "--pid", String(pid), "--fsize=unlimited:")),
    statuses: [503, 507],
    named: undefined,
  },
];

for (const { fault, prepare, begin, end, statuses, named } of shortages) {
  test(fault, async (t) => {
    const tally = startTally(t, fault);
    const data = await prepare();
    const ledger = createLedger();
    const berth = await startBerth(data);
    for (; tally.rounds < rounds; tally.rounds += 1) {
      const name = `round-${tally.rounds}`;
      const before = await tryAllWays(berth.wire, ledger, `${name}-before`);
      assert.deepEqual(misanswered(before, []), [], "with all it needs");

      await begin(data, berth);
      const attempts: Attempt[] = [];
      // The first writes may still succeed with the space that is left.
      for (let attempt = 0; attempt < 20 && refusals(attempts) < 12; attempt += 1)
        attempts.push(...(await tryAllWays(berth.wire, ledger, `${name}-${attempt}`)));
      tally.lost.push(...misanswered(attempts, statuses));
      if (refusals(attempts) === 0) tally.lost.push("no write was refused");
      if (named !== undefined) await saysWhy(berth, named);
      tally.lost.push(...(await losses(berth.wire, ledger)).map((told) => `meanwhile: ${told}`));

      await end(data, berth);
      await becomesReady(berth);
      const after = await tryAllWays(berth.wire, ledger, `${name}-after`);
      tally.lost.push(...misanswered(after, []).map((told) => `afterwards: ${told}`));
      tally.lost.push(...(await losses(berth.wire, ledger)));
    }
    await finish({ berth, data, ledger, tally });
  });
}

const refusals = (attempts: readonly Attempt[]): number => attempts.filter(isRefused).length;

/** Writes a file until the disk is full. */
async function fill(ballast: string): Promise<void> {
  await run("dd", "if=/dev/zero", `of=${ballast}`, "bs=4k", "status=none").catch(() => undefined);
}
