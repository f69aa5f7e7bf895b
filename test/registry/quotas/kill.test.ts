import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { launch, type Running } from "../../cli/support.ts";
import { connect } from "../../server/support.ts";
import { tablesOf } from "../../support/database.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { waitUntil } from "../../support/wait.ts";

async function end({ child, ended }: Running, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  await ended;
}

describe("the quota of a namespace", () => {
  const limit = 1_000_000;
  const type = { "Content-Type": "application/octet-stream" };
  const target = "/v2/team/app/blobs/uploads/";

  for (const workers of [1, 2])
    test(`still includes the bytes reserved by open uploads after kill -9 (workers: ${workers})`, async () => {
      const data = temporaryFolder();
      const start = async () => {
        const server = await launch(
          ["serve", "--open", "--data", data, "--listen", "127.0.0.1:0"],
          {
            BERTH_QUOTAS_DEFAULT: String(limit),
            BERTH_WORKERS: String(workers),
          },
        );
        const [url = ""] = /http:\/\/127\.0\.0\.1:\d+/.exec(await server.until("http://")) ?? [];
        const begin = async () => {
          const { headers } = await fetch(`${url}${target}`, { method: "POST" });
          return headers.get("location") ?? "";
        };
        const append = async (location: string, bytes: number) => {
          const body = Buffer.alloc(bytes);
          const patch = { method: "PATCH", headers: type, body };
          return (await fetch(new URL(location, url), patch)).status;
        };
        return { server, url, begin, append };
      };

      const first = await start();
      const whole = await first.begin();
      assert.equal(await first.append(whole, 400_000), 202);
      const half = await first.begin();
      const lines = [
        "Host: localhost",
        "Content-Length: 300000",
        `Content-Type: ${type["Content-Type"]}`,
      ];
      const { pathname, search } = new URL(half, first.url);
      const head = [`PATCH ${pathname}${search} HTTP/1.1`, ...lines, "", ""].join("\r\n");
      const { socket } = await connect(Number(new URL(first.url).port), head);
      socket.write(Buffer.alloc(100_000));
      const tables = await tablesOf(data);
      await waitUntil("both uploads have their bytes reserved", async () => {
        const reserved = await tables.value("SELECT sum(reserved_bytes) FROM uploads");
        return reserved === 700_000;
      });
      await end(first.server, "SIGKILL");

      const { server, url, begin, append } = await start();
      try {
        assert.equal(await append(await begin(), 300_001), 403);
        assert.equal(await append(await begin(), 300_000), 202);
        for (const location of [whole, half]) {
          const { status } = await fetch(new URL(location, url), { method: "DELETE" });
          assert.equal(status, 204);
        }
        assert.equal(await append(await begin(), 700_001), 403);
        assert.equal(await append(await begin(), 700_000), 202);
      } finally {
        await end(server, "SIGTERM");
      }
    });
});
