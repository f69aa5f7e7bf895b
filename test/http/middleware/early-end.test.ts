import assert from "node:assert/strict";
import path from "node:path";
import { after, describe, test } from "node:test";
import { launch } from "../../cli/support.ts";
import { connect, get, type Connection } from "../../server/support.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const berth = await startClosedBerth();
const digest = `sha256:${"0".repeat(64)}`;
const put = (length: number): string =>
  `PUT /v2/ann/app/manifests/1 HTTP/1.1\r\nHost: berth\r\nContent-Length: ${length}\r\n\r\n`;
const post = (length: number): string =>
  `POST /v2/ann/app/blobs/uploads/?digest=${digest} HTTP/1.1\r\nHost: berth\r\nContent-Length: ${length}\r\n\r\n`;

describe("a request that is rejected before its body has arrived", () => {
  for (const [name, head] of [
    ["a manifest", put(1000)],
    ["a blob", post(1_000_000)],
  ] as const) {
    test(`${name} is answered at once with Connection: close, and the server closes a slow connection`, async () => {
      const slow = await connect(berth.port, `${head}x`);
      const drip = setInterval(() => slow.socket.write("x"), 100);
      try {
        const answer = await slow.until('"UNAUTHORIZED"');
        assert.match(answer, /^HTTP\/1\.1 401 /);
        assert.match(answer, /^connection: close\r$/im);
        await slow.all();
      } finally {
        clearInterval(drip);
      }
    });
  }

  test("a client that sends 20 MB before it reads still gets the 401 answer", async () => {
    const size = 20_000_000;
    const client = await connect(berth.port, post(size));
    client.socket.pause();
    for (let sent = 0; sent < size; sent += 1_000_000)
      await new Promise<void>((resolve, reject) => {
        client.socket.write(Buffer.alloc(1_000_000), (error) =>
          error ? reject(error) : resolve(),
        );
      });
    client.socket.resume();
    assert.match(await client.all(), /^HTTP\/1\.1 401 [^]*"UNAUTHORIZED"/);
  });

  test("the connection stays open if the body has already arrived", async () => {
    const client = await connect(berth.port, `${put(2)}{}`);
    const answer = await client.until('"UNAUTHORIZED"');
    assert.doesNotMatch(answer, /connection: close/i);
    client.socket.write(get("/v2/", "Connection: close"));
    assert.equal((await client.all()).split("HTTP/1.1 401 ").length, 3);
  });
});

describe("a server with limits.connections = 100", () => {
  test("answers other addresses while one address opens 101 idle or slow connections", async () => {
    const data = path.join(temporaryFolder(), "data");
    const running = await launch(["serve", "--data", data, "--listen", "127.0.0.1:0"], {
      BERTH_LIMITS_CONNECTIONS: "100",
    });
    after(() => running.child.kill("SIGKILL"));
    const port = Number(
      /listens on http:\/\/[\d.]+:(\d+)/.exec(await running.until("docker push"))?.[1],
    );
    const slow: Connection[] = [];
    const drip = setInterval(() => {
      for (const { socket } of slow) if (socket.writable) socket.write("x");
    }, 100);
    try {
      // Every second connection sends nothing, so the server cannot reject it by its request.
      for (let index = 0; index < 101; index += 1)
        slow.push(await connect(port, index % 2 === 0 ? "" : post(1_000_000), "127.0.0.2"));
      const other = await connect(port, get("/healthz", "Connection: close"), "127.0.0.3");
      assert.match(await other.all(), /^HTTP\/1\.1 200 /);
    } finally {
      clearInterval(drip);
      for (const { socket } of slow) socket.destroy();
    }
  });
});
