import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { pushBlob, startBerth } from "../support/berth.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { waitUntil } from "../support/wait.ts";

describe("a server without requests", () => {
  test("verifies its blobs, and answers 404 for a blob whose bytes have changed", async (t) => {
    const berth = await startBerth(temporaryFolder(), { "scrub.interval": "1s" });
    t.after(() => berth.close());
    const digest = await pushBlob(berth, "team/app", "right bytes");
    const [, hex = ""] = digest.split(":");
    const folder = path.join(berth.data, "blobs", "sha256", hex.slice(0, 2));
    const [file = ""] = readdirSync(folder);
    writeFileSync(path.join(folder, file), "wrong bytes");
    const blob = `/v2/team/app/blobs/${digest}`;
    await waitUntil(
      "the blob is not shown",
      async () => (await berth.api.head(blob)).status === 404,
    );
  });

  test("removes an upload within an hour after limits.uploadExpiry", async (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    const berth = await startBerth(temporaryFolder(), { "limits.uploadExpiry": "1s" });
    t.after(() => berth.close());
    const { headers } = await berth.api.post("/v2/team/app/blobs/uploads/").expect(202);
    const upload = String(headers["location"]);
    await berth.api.get(upload).expect(204);
    await waitUntil("the upload is gone", async () => {
      t.mock.timers.tick(3_600_000);
      return (await berth.api.get(upload)).status === 404;
    });
  });
});
