import path from "node:path";
import { test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { contentOf } from "../crash/content.ts";
import { createLedger } from "../crash/ledger.ts";
import { losses } from "../crash/losses.ts";
import { octets, withDigest } from "../crash/uploader.ts";
import { startBerth } from "./support/berth.ts";
import { finish } from "./support/finish.ts";
import { findThreads, inject, type Threads } from "./support/injection.ts";
import { becomesReady, isRefused, misanswered, tryAllWays } from "./support/requests.ts";
import { newFolder } from "./support/scratch.ts";
import { startTally } from "./support/tally.ts";

/*
 * System call k of one kind fails, for k = 1, 2, … until `tryAllWays` makes fewer than k such calls. One thread works
 * on files, one on small blobs and one on the database, so that k counts the same calls in every run.
 */
const faults: readonly {
  readonly fault: string;
  readonly thread: keyof Threads;
  readonly call: string;
}[] = [
  { fault: "EIO on fsync of an upload or a folder", thread: "files", call: "fsync" },
  { fault: "EIO on fsync of a small blob or its folder", thread: "smallFiles", call: "fsync" },
  { fault: "EIO on write of a small blob", thread: "smallFiles", call: "pwrite64" },
  { fault: "EIO on close of a small blob", thread: "smallFiles", call: "close" },
  { fault: "EIO on rename", thread: "files", call: "rename" },
  { fault: "EIO on close", thread: "files", call: "close" },
  { fault: "EIO on mkdir", thread: "files", call: "mkdir" },
  { fault: "EIO on fsync of the database", thread: "database", call: "fsync" },
  { fault: "EIO on write to the database", thread: "database", call: "pwrite64" },
];
/** Without a reserve file: five seconds after its start, a server would create it with calls that no answer depends on. */
const env = { UV_THREADPOOL_SIZE: "1", BERTH_STORAGE_RESERVE: "0" };
/** `tryAllWays` makes fewer calls of one kind than this. */
const farEnough = 200;
/** After this many calls only every seventh call fails, because the many writes to the database are alike. */
const closely = 16;

for (const { fault, thread, call } of faults) {
  test(fault, async (t) => {
    const tally = startTally(t, fault);
    const data = path.join(newFolder("errors"), "data");
    const ledger = createLedger();
    const berth = await startBerth(data, { env });
    const { wire } = berth;
    const threads = await findThreads(berth, () => tryAllWays(wire, ledger, "before"));

    for (let k = 1; k < farEnough; k += k < closely ? 1 : 7) {
      const name = `call-${k}`;
      const before = new Set(ledger.blobs.map(({ digest }) => digest));
      const injection = await inject(threads[thread], call, k);
      const attempts = await tryAllWays(wire, ledger, name);
      const injected = await injection.end();
      if (injected.all.length === 0) break;
      tally.rounds += 1;

      const refused = attempts.filter(isRefused);
      // The same threads also read modules in dist/ when Node loads them on first use.
      const harmful = injected.harmful.filter((line) => !line.includes("/dist/"));
      if (refused.length === 0 && harmful.length > 0)
        tally.lost.push(`${name}: nothing was refused after ${harmful.join("; ")}`);
      tally.lost.push(...misanswered(attempts, [500, 503]).map((told) => `${name}: ${told}`));
      for (const { way, repository, digest } of refused) {
        if (digest === undefined || before.has(digest)) continue;
        const { status } = await wire.send("HEAD", `/v2/${repository}/blobs/${digest}`);
        if (status !== 404) tally.lost.push(`${name}: ${way} was refused, and is there: ${status}`);
      }
      await becomesReady(berth);
      // A client pushes the same content again after a failure.
      const again = misanswered(await tryAllWays(wire, ledger, name), []);
      tally.lost.push(...again.map((told) => `${name}, again: ${told}`));
    }
    tally.lost.push(...(await losses(wire, ledger)));
    await finish({ berth, data, ledger, tally }, { how: "kill" });
  });
}

test("EIO on a flush fails a large upload, and the next upload of the same blob succeeds", async (t) => {
  const tally = startTally(t, "EIO on a flush amid a large upload");
  const data = path.join(newFolder("errors"), "data");
  const ledger = createLedger();
  const berth = await startBerth(data, { env });
  const { wire } = berth;
  const { files } = await findThreads(berth, () => tryAllWays(wire, ledger, "before"));
  const repository = "faults/large";
  const body = contentOf("large", 80 * 1024 * 1024);
  const digest = digestOf(body);
  const begin = async (): Promise<string> => {
    const { headers } = await wire.expect(202, "POST", `/v2/${repository}/blobs/uploads/`);
    return headers.location ?? "";
  };

  const injection = await inject(files, "fdatasync", 1);
  const location = await begin();
  const patched = await wire.send("PATCH", location, { body, headers: octets });
  if ((await injection.end()).all.length === 0) tally.lost.push("nothing was flushed meanwhile");
  tally.rounds += 1;
  if (patched.status < 500) tally.lost.push(`the PATCH was answered ${patched.status}`);
  // After the failure the server deletes the session, because it can't know which bytes are on disk.
  const closed = await wire.send("PUT", withDigest(location, digest));
  if (closed.status !== 404) tally.lost.push(`the closing PUT was answered ${closed.status}`);
  const again = await begin();
  await wire.expect(202, "PATCH", again, { body, headers: octets });
  await wire.expect(201, "PUT", withDigest(again, digest));
  ledger.blobs.push({ repository, digest, sizeBytes: body.length });
  tally.lost.push(...(await losses(wire, ledger)));
  await finish({ berth, data, ledger, tally }, { how: "kill" });
});
