import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { describe, test } from "node:test";
import { berth as run, createFolder } from "../support.ts";

/** Settings of a user without a login. */
const nobody = { DOCKER_CONFIG: path.join(await createFolder(), "none") };

/** A server whose answers have fields that this version does not know. Its answer to `tag show` lacks all known fields. */
async function startNewerServer() {
  const digest = `sha256:${"a".repeat(64)}`;
  const move = {
    digest,
    changed_at: "2026-01-02T03:04:05.000Z",
    actor: "eve",
    is_here: true,
    reason: "delete",
    token_label: null,
    tags: [],
    retention: { policy: "newer" },
  };
  const moved = { name: "1", digest, reason: "newer" };
  const server = createServer(({ method, url }, response) => {
    const isHistory = url?.includes("/history") === true;
    const page = { count: 1, next: null, previous: null, results: [move] };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(isHistory ? page : method === "POST" ? moved : { newer: true }));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const stop = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { host: `127.0.0.1:${port}`, move, moved, stop };
}

describe("the commands for a newer server", () => {
  test("print with --json what a newer server sends, also unknown fields", async () => {
    const newer = await startNewerServer();
    try {
      const print = async (...words: string[]) => {
        const { stdout, stderr } = await run([...words, "--json", "--host", newer.host], nobody);
        assert.equal(stderr, "");
        return JSON.parse(stdout) as unknown;
      };
      assert.deepEqual(await print("tag", "history", "team/app:1"), newer.move);
      assert.deepEqual(await print("tag", "rollback", "team/app:1"), {
        image: "team/app:1",
        ...newer.moved,
      });
      const { stdout } = await run(["tag", "history", "team/app:1", "--host", newer.host], nobody);
      assert.match(stdout, /^SINCE +BY +DIGEST *\n.* eve +sha256:/);
    } finally {
      newer.stop();
    }
  });

  test("exit with 1 when the answer lacks a field", async () => {
    const newer = await startNewerServer();
    try {
      const { code, stdout, stderr } = await run(
        ["tag", "show", "team/app:1", "--json", "--host", newer.host],
        nobody,
      );
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, /is not a Berth server, or not of this version/);
    } finally {
      newer.stop();
    }
  });
});
