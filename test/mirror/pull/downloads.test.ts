import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryStore } from "../../../storage/memory/store.ts";
import { Downloads } from "../../../src/mirror/pull/downloads.ts";
import { admitAll } from "../../../src/mirror/repository.ts";
import { parseDigest } from "../../../src/oci/digest.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { newGate } from "../client.ts";

type Parts = ConstructorParameters<typeof Downloads>[0];

test("a download begins only when the row of a failed one is deleted", async () => {
  const rowIsDeleted = newGate();
  const failure = new Error("no client reads the blob any more");
  const failed = {
    kind: "leader",
    download: {
      ...{ partialBlob: {}, sized: Promise.resolve(1), join: () => () => undefined },
      done: Promise.reject(failure),
    },
    ending: () => rowIsDeleted.until,
  };
  const begun = [failed, { kind: "stored", blob: { sizeBytes: 2 } }];
  const leader = { begin: () => Promise.resolve(begun.shift()) } as unknown as Parts["leader"];
  const downloads = new Downloads({
    ...({ store: createMemoryStore(), leader } as unknown as Parts),
  });
  const repository = parseRepositoryName("docker.io/library/app");
  const mirrorRepository = { repository } as Parameters<typeof downloads.get>[0];
  const digest = parseDigest(`sha256:${"a".repeat(64)}`);

  const first = await downloads.get(mirrorRepository, digest, admitAll);
  assert.ok(first.kind === "running");
  await assert.rejects(first.done(), failure);
  // Of a download that failed, no client learns a size either.
  assert.equal(await downloads.sizeOfRunning(mirrorRepository, digest), undefined);
  const second = downloads.get(mirrorRepository, digest, admitAll);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(begun.length, 1);
  rowIsDeleted.open();
  assert.equal((await second).kind, "stored");
  assert.equal(begun.length, 0);
});
