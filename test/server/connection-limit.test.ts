import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connectionLimit, parseOpenFileLimit } from "../../src/server/connection-limit.ts";
import { connect, get, start } from "./support.ts";

describe("the number of connections", () => {
  test("is the configured one, and otherwise leaves descriptors for the program and for a file each", () => {
    assert.equal(connectionLimit(500, 64), 500);
    assert.equal(connectionLimit(0, 64), 6);
    assert.equal(connectionLimit(0, 1024), 486);
    assert.equal(connectionLimit(0, 20), 1);
    assert.equal(connectionLimit(0, Infinity), Infinity);
  });

  test("comes from the soft limit that the system gives; none where it says nothing", () => {
    const limits = (files: string): string =>
      `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${files}                 files     \n`;
    assert.equal(parseOpenFileLimit(limits("64                   1024")), 64);
    assert.equal(parseOpenFileLimit(limits("unlimited            unlimited")), Infinity);
    assert.equal(parseOpenFileLimit("something else"), Infinity);
  });

  test("makes idle connections short-lived while most places are taken", async () => {
    const { server } = await start({ limits: { connections: 4 } });
    const first = await connect(server.port, get("/"));
    assert.match(await first.until("\r\n\r\n"), /^keep-alive: timeout=75\r$/im);
    await connect(server.port);
    const third = await connect(server.port, get("/"));
    assert.match(await third.until("\r\n\r\n"), /^keep-alive: timeout=5\r$/im);
  });
});
