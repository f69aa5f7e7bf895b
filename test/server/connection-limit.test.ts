import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  addressLimit,
  connectionLimit,
  parseOpenFileLimit,
} from "../../src/server/connection-limit.ts";
import { waitUntil } from "../support/wait.ts";
import { connect, get, start } from "./support.ts";

describe("the connection limit", () => {
  test("is the configured one, or else derived from the open file limit, with one file per connection", () => {
    assert.equal(connectionLimit(500, 64), 500);
    assert.equal(connectionLimit(0, 64), 6);
    assert.equal(connectionLimit(0, 1024), 486);
    assert.equal(connectionLimit(0, 20), 1);
    assert.equal(connectionLimit(0, Infinity), Infinity);
  });

  test("reads the soft limit of open files from /proc, and is unlimited when the text does not have it", () => {
    const limits = (files: string): string =>
      `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${files}                 files     \n`;
    assert.equal(parseOpenFileLimit(limits("64                   1024")), 64);
    assert.equal(parseOpenFileLimit(limits("unlimited            unlimited")), Infinity);
    assert.equal(parseOpenFileLimit("something else"), Infinity);
  });

  test("shortens the keep-alive timeout from 75 s to 5 s when most connections are in use", async () => {
    const { server } = await start({ limits: { connections: 4 } });
    const first = await connect(server.port, get("/"));
    assert.match(await first.until("\r\n\r\n"), /^keep-alive: timeout=75\r$/im);
    await connect(server.port);
    const third = await connect(server.port, get("/"));
    assert.match(await third.until("\r\n\r\n"), /^keep-alive: timeout=5\r$/im);
  });
});

describe("the connection limit per address", () => {
  test("is the configured one, or else half of the total, at least 64 and at most 10,000", () => {
    assert.equal(addressLimit(7, 1000), 7);
    assert.equal(addressLimit(0, 1000), 500);
    assert.equal(addressLimit(0, 100), 64);
    assert.equal(addressLimit(0, Infinity), 10_000);
  });

  test("applies to each address separately, and a closed connection frees its slot", async () => {
    const { server, log } = await start({ limits: { connectionsPerAddress: 2 } });
    const [first] = [await connect(server.port), await connect(server.port)];
    assert.equal(await (await connect(server.port, get("/"))).all(), "");
    assert.match(log.join(""), /"address":"127\.0\.0\.1".*the limit of this address is reached/);
    const other = await connect(server.port, get("/"), "127.0.0.2");
    assert.match(await other.until("\r\n\r\n"), /^HTTP\/1\.1 200 /);
    first.socket.destroy();
    await waitUntil("a connection is let in again", async () => {
      const again = await connect(server.port, get("/", "Connection: close"));
      return (await again.all()) !== "";
    });
  });

  test("does not apply to a trusted proxy, which carries the connections of many clients", async () => {
    const { server } = await start({
      limits: { connectionsPerAddress: 1 },
      trustedProxies: ["127.0.0.1"],
    });
    await connect(server.port);
    const second = await connect(server.port, get("/"));
    assert.match(await second.until("\r\n\r\n"), /^HTTP\/1\.1 200 /);
  });
});
