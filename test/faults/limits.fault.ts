import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { digestOf } from "../../src/oci/digest.ts";
import { contentOf } from "../crash/content.ts";
import { createLedger } from "../crash/ledger.ts";
import { octets, withDigest } from "../crash/uploader.ts";
import { createWire, ServerGone } from "../crash/wire.ts";
import { startBerth, type Berth } from "./support/berth.ts";
import { finish } from "./support/finish.ts";
import { becomesReady, misanswered, tryAllWays } from "./support/requests.ts";
import { newFolder, scratch } from "./support/scratch.ts";
import { startTally } from "./support/tally.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

test("a server with 64 file descriptors serves 200 concurrent pushes, some after refused connections", async (t) => {
  const tally = startTally(t, "200 clients at once, and 64 descriptors");
  const data = path.join(newFolder("descriptors"), "data");
  const ledger = createLedger();
  const berth = await startBerth(data, { through: ["prlimit", "--nofile=64:64"] });
  assert.deepEqual(misanswered(await tryAllWays(berth.wire, ledger, "before"), []), []);
  await becomesReady(berth);
  // The thread of the pull counters opens its files at its first write, two seconds after a push.
  await pause(3_000);
  const before = descriptorsOf(berth);

  for (; tally.rounds < 2; tally.rounds += 1) {
    const seen = { atOnce: 0, later: 0, refused: 0 };
    /** Pushes once. Returns undefined if the connection was refused. An accepted client gets all its descriptors. */
    const push = async (index: number): Promise<true | undefined> => {
      const wire = createWire(berth.url);
      const repository = `faults/client-${index}`;
      const body = contentOf(`${tally.rounds}/${index}`, 300 * KiB);
      const digest = digestOf(body);
      const target = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
      try {
        await wire.expect(201, "POST", target, { body, headers: octets });
        ledger.blobs.push({ repository, digest, sizeBytes: body.length });
        return true;
      } catch (error) {
        if (!(error instanceof ServerGone)) throw error;
        seen.refused += 1;
        return undefined;
      } finally {
        wire.close();
      }
    };
    const client = async (index: number): Promise<void> => {
      if (await push(index)) seen.atOnce += 1;
      else {
        for (let tries = 0; !(await push(index)); tries += 1) {
          assert.ok(tries < 500, `client ${index} is never let in`);
          await pause(20 + (index % 80));
        }
        seen.later += 1;
      }
    };
    await Promise.all(Array.from({ length: 200 }, (_, index) => client(index)));
    assert.ok(berth.alive(), berth.log().slice(-2000));
    const { atOnce, later, refused } = seen;
    tally.notes.push(`${atOnce} served at once, ${later} after ${refused} refusals`);
    if (atOnce === 0) tally.lost.push("no client was served at once");
    if (/EMFILE|too many open files/i.test(berth.log()))
      tally.lost.push("it ran out of descriptors");
    berth.wire.close();
    await pause(200);
    await becomesReady(berth);
    const after = await tryAllWays(berth.wire, ledger, `after-${tally.rounds}`);
    tally.lost.push(...misanswered(after, []));
    const now = descriptorsOf(berth);
    if (now > before + 5) tally.lost.push(`${now} descriptors instead of ${before}`);
  }
  await finish({ berth, data, ledger, tally });
});

const descriptorsOf = ({ pid }: Berth): number => readdirSync(`/proc/${pid}/fd`).length;

test("a server with two workers starts and serves with 64 file descriptors for each process", async () => {
  const data = path.join(newFolder("descriptors-of-workers"), "data");
  const through = ["prlimit", "--nofile=64:64"];
  const berth = await startBerth(data, { through, env: { BERTH_WORKERS: "2" } });
  assert.deepEqual(misanswered(await tryAllWays(berth.wire, createLedger(), "workers"), []), []);
  await berth.stop();
});

test("a server with 256 MiB of memory completes 50 concurrent uploads of 8 MiB", async (t) => {
  const tally = startTally(t, "50 uploads in 256 MiB of memory");
  const group = createGroup(256 * MiB);
  t.after(() => removeGroup(group));
  const data = path.join(newFolder("memory"), "data");
  const ledger = createLedger();
  const join = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
  const berth = await startBerth(data, { through: ["bash", "-c", join, group] });
  const { wire } = berth;

  const upload = async (index: number): Promise<void> => {
    const repository = `faults/upload-${index}`;
    const body = contentOf(`memory/${index}`, 8 * MiB);
    const digest = digestOf(body);
    const begun = await wire.expect(202, "POST", `/v2/${repository}/blobs/uploads/`);
    const message = { body, headers: octets, chunked: true };
    const sent = await wire.expect(202, "PATCH", begun.headers.location ?? "", message);
    await wire.expect(201, "PUT", withDigest(sent.headers.location ?? "", digest));
    ledger.blobs.push({ repository, digest, sizeBytes: body.length });
  };
  await Promise.all(Array.from({ length: 50 }, (_, index) => upload(index)));
  tally.rounds = 1;
  assert.ok(berth.alive(), berth.log().slice(-2000));
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${berth.pid}/status`, "utf8"))?.[1];
  tally.notes.push(`peak ${Math.round(Number(peak) / KiB)} MiB`);
  tally.lost.push(...misanswered(await tryAllWays(wire, ledger, "after"), []));
  await finish({ berth, data, ledger, tally });
});

/** Creates a cgroup with this memory limit. The limit includes the page cache. */
function createGroup(limitBytes: number): string {
  const unified = existsSync("/sys/fs/cgroup/cgroup.controllers");
  const root = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
  const group = path.join(root, path.basename(scratch));
  mkdirSync(group);
  const limit = unified ? "memory.max" : "memory.limit_in_bytes";
  writeFileSync(path.join(group, limit), String(limitBytes));
  return group;
}

async function removeGroup(group: string): Promise<void> {
  for (let tries = 0; readFileSync(path.join(group, "cgroup.procs"), "utf8") !== ""; tries += 1) {
    assert.ok(tries < 100, "a process is left in the group");
    await pause(50);
  }
  rmdirSync(group);
}
