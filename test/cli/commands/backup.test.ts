import assert from "node:assert/strict";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { startBerth } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { berth as run } from "../support.ts";
import {
  create,
  filesOf,
  pullAll,
  pushImage,
  restore,
  type Image,
  type Point,
} from "../support/backups.ts";

describe("a backup in a folder", async () => {
  const folder = temporaryFolder();
  const berth = await startClosedBerth();
  const { data } = berth;
  await berth.addUser("mia");
  const backup = path.join(folder, "backup");
  const secret = path.join(folder, "passphrase");
  writeFileSync(secret, "a long passphrase\n");
  const images: Image[] = [];
  images.push(await pushImage(berth, "mia/small", "a small layer"));
  images.push(await pushImage(berth, "mia/large", "a large layer ".repeat(100_000)));
  let first: Point;

  test("of a running server restores every image, account and token", async () => {
    const upload = await berth.as("admin").api.post("/v2/mia/small/blobs/uploads/").expect(202);
    const location = upload.headers["location"] ?? "";
    await berth.as("admin").api.patch(location).send("an open upload").expect(202);
    const token = await berth.token("mia", "repository:mia/small:pull");
    first = await create(data, backup, "--passphrase-file", secret);
    assert.deepEqual([first.new_blobs, first.keys], [first.blobs, true]);
    const target = path.join(folder, "restored");
    await restore(backup, target, "--passphrase-file", secret);
    await pullAll(target, images, token);
  });

  test("copies only the blobs that are new, and restores each of its points", async () => {
    const later = await pushImage(berth, "mia/later", "pushed after the first point");
    const second = await create(data, backup);
    assert.equal(second.new_blobs, second.blobs - first.blobs);
    assert.ok(second.new_blobs > 0 && !second.keys);
    const [newest, oldest] = [path.join(folder, "newest"), path.join(folder, "oldest")];
    await restore(backup, newest);
    await pullAll(newest, [...images, later]);
    await restore(backup, oldest, "--point", first.id);
    await pullAll(oldest, images);
    const listed = await run(["backup", "list", backup]);
    assert.match(listed.stdout, /^POINT +REPOSITORIES +BLOBS +SIZE +KEYS +STATE\n/);
    assert.match(
      listed.stdout,
      new RegExp(`\n${second.id} .* no +complete\n${first.id} .* yes +complete\n$`),
    );
  });

  test("is verified to its last byte, and a changed or lost file is named", async () => {
    const whole = await run(["backup", "verify", backup]);
    assert.deepEqual([whole.stdout, whole.code], ["2 points: no errors\n", 0], whole.stderr);
    const copy = path.join(folder, "damaged");
    const large = images[1]?.layer.slice(7) ?? "";
    await create(data, copy, "--passphrase-file", secret);
    const found = filesOf(path.join(copy, "blobs")).find((file) => file.includes(large));
    assert.ok(found);
    const bytes = readFileSync(found);
    bytes[1_000] = (bytes[1_000] ?? 0) ^ 1;
    writeFileSync(found, bytes);
    const changed = await run(["backup", "verify", copy]);
    assert.match(
      changed.stdout,
      new RegExp(`: sha256:${large}: other bytes .*\n1 points: 1 errors\n$`),
    );
    assert.equal(changed.code, 1);
    assert.equal((await run(["backup", "verify", copy, "--quick"])).code, 0);
    rmSync(found);
    const lost = await run(["backup", "verify", copy, "--quick"]);
    assert.match(lost.stdout, new RegExp(`: sha256:${large}: no file `));

    // The rest is restored, and the blob is marked as missing.
    const target = path.join(folder, "incomplete");
    const restored = await run(["restore", copy, "--data", target]);
    assert.match(restored.stdout, new RegExp(`\nmissing: sha256:${large}: push it again\n`));
    assert.equal(restored.code, 1);
    const checked = await run(["check", "--data", target]);
    assert.match(checked.stdout, new RegExp(`sha256:${large}: marked as missing; push it again`));
    // The next run copies it again.
    assert.equal((await create(data, copy)).new_blobs, 1);
    assert.equal((await run(["backup", "verify", copy])).code, 0);
  });

  test("names a damaged database, list and point", async () => {
    const copy = path.join(folder, "broken");
    const { id } = await create(data, copy);
    const file = path.join(copy, "points", `${id}.json`);
    const text = readFileSync(file, "utf8");
    const { point } = JSON.parse(text) as {
      readonly point: Record<"database" | "list", { readonly key: string }>;
    };
    for (const part of ["database", "list"] as const) {
      const stored = path.join(copy, point[part].key);
      const bytes = readFileSync(stored);
      writeFileSync(stored, bytes.subarray(0, -1));
      const { stdout, code } = await run(["backup", "verify", copy]);
      assert.match(stdout, /is damaged|cannot be read/, part);
      assert.equal(code, 1);
      writeFileSync(stored, bytes);
    }
    writeFileSync(file, text.replace('"repositories": ', '"repositories": 1'));
    const { stdout } = await run(["backup", "verify", copy]);
    assert.match(stdout, new RegExp(`^${id}: the point ${id} of .* is damaged\n`));
  });

  test("loses its oldest points and what only they need with prune", async () => {
    const gone = await berth.as("admin").api.delete("/v2/mia/later/manifests/1");
    assert.equal(gone.status, 202);
    const third = await create(data, backup);
    const pruned = await run(["backup", "prune", backup, "--keep", "1", "--json"]);
    assert.equal(pruned.code, 0, pruned.stderr);
    const sum = JSON.parse(pruned.stdout) as {
      kept: string[];
      removed: string[];
      deleted_blobs: number;
    };
    assert.deepEqual([sum.kept, sum.removed.length], [[third.id], 2]);
    // The database, the counters and the list of each point.
    assert.ok(sum.deleted_blobs >= 4);
    assert.equal((await run(["backup", "verify", backup])).stdout, "1 points: no errors\n");
    const target = path.join(folder, "after-prune");
    await restore(backup, target);
    await pullAll(target, images);
  });

  test("takes no space for blobs with --link, and stays whole when the registry deletes them", async () => {
    const linked = path.join(folder, "linked");
    await create(data, linked, "--link");
    const [file = ""] = filesOf(path.join(data, "blobs"));
    const twin = path.join(linked, path.relative(data, file));
    assert.equal(statSync(twin).ino, statSync(file).ino);
    assert.equal((await run(["backup", "verify", linked])).code, 0);
    // A truncated file of the backup gets its bytes back.
    rmSync(twin);
    writeFileSync(twin, "");
    assert.equal((await create(data, linked, "--link")).new_blobs, 1);
    assert.equal((await run(["backup", "verify", linked])).code, 0);
    const target = path.join(folder, "of-links");
    await restore(linked, target);
    await pullAll(target, images);
  });

  test("is refused where it does not belong, and creates nothing there", async () => {
    const expectFailure = async (args: readonly string[], message: RegExp): Promise<void> => {
      const { code, stderr } = await run(args);
      assert.match(stderr, message);
      assert.equal(code, 1);
    };
    const other = path.join(folder, "other");
    mkdirSync(other);
    writeFileSync(path.join(other, "letter.txt"), "not a backup");
    const data2 = ["--data", other];
    await expectFailure(["backup", "create", other, "--data", data], /is no backup, and not empty/);
    await expectFailure(["backup", "list", other], /is no backup/);
    await expectFailure(["backup", "verify", path.join(folder, "none")], /there is no backup in/);
    await expectFailure(
      ["restore", backup, ...data2],
      /is not empty: restore into an empty folder/,
    );
    assert.deepEqual(readdirSync(other), ["letter.txt"]);
    await expectFailure(
      ["restore", backup, "--data", data],
      /blobs of this registry|another Berth server runs/,
    );
    const mark = path.join(data, "blobs", "instance");
    const id = readFileSync(mark, "utf8");
    await expectFailure(
      ["restore", backup, "--data", data, "--keep-blobs"],
      /has a registry: use an empty one|another Berth server runs/,
    );
    assert.equal(readFileSync(mark, "utf8"), id);
    await expectFailure(
      ["restore", backup, "--data", backup, "--keep-blobs"],
      /has the blobs of another registry/,
    );
    const wrong = path.join(folder, "wrong");
    writeFileSync(wrong, "another passphrase\n");
    const keyed = path.join(folder, "keyed");
    await create(data, keyed, "--passphrase-file", secret);
    const target = path.join(folder, "never");
    const args = ["restore", keyed, "--data", target, "--passphrase-file", wrong];
    await expectFailure(args, /the passphrase does not open the keys/);
    await expectFailure(
      ["restore", keyed, "--data", target, "--point", "none"],
      /has no point none/,
    );
    const elsewhere = await startBerth(path.join(folder, "elsewhere"));
    await elsewhere.close();
    const ofOther = ["backup", "create", keyed, "--data", elsewhere.data];
    await expectFailure(ofOther, /has the backups of another registry/);
  });

  test("restores a lost database beside the blobs that are still there", async () => {
    const kept = path.join(folder, "kept");
    await restore(backup, kept);
    for (const name of readdirSync(kept).filter((entry) => entry.startsWith("berth")))
      rmSync(path.join(kept, name));
    const [lost = ""] = filesOf(path.join(kept, "blobs"));
    rmSync(lost);
    const again = path.join(folder, "kept-again");
    // The folder of a lost database gets a new one with PostgreSQL too.
    renameSync(kept, again);
    const refused = await run(["restore", backup, "--data", again]);
    assert.match(refused.stderr, /keep its blobs with --keep-blobs/);
    const restored = await restore(backup, again, "--keep-blobs");
    assert.match(restored, /copied 1 blobs of/);
    await pullAll(again, images);
  });
});
