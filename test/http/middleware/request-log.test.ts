import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, test } from "node:test";
import Koa from "koa";
import { createClientInfo } from "../../../src/http/middleware/client-info.ts";
import { logRequests } from "../../../src/http/middleware/request-log.ts";
import { createLogger } from "../../../src/observability/logger.ts";

interface Line {
  readonly level: number;
  readonly path: string;
}

describe("the level of a request log line", async () => {
  const written = new EventEmitter();
  const logger = createLogger(
    { level: "debug", format: "json" },
    { write: (line) => void written.emit("line", JSON.parse(line)) },
  );
  const app = new Koa();
  app.use(logRequests(logger, createClientInfo([], undefined)));
  app.use((ctx) => {
    ctx.status = Number(ctx.path.slice(1));
  });
  const handle = app.callback();
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => void server.close());
  const { port } = server.address() as AddressInfo;

  const levelOf = async (target: string, headers: Record<string, string> = {}): Promise<string> => {
    const told = new Promise<Line>((resolve) => written.once("line", resolve));
    await fetch(`http://127.0.0.1:${port}${target}`, { headers });
    const { level, path } = await told;
    assert.equal(path, target.split("?")[0]);
    return logger.levels.labels[level] ?? "";
  };

  test("is debug for 200, 404 and a 401 without credentials, info for other rejections, warn for 500", async () => {
    const authorization = "Basic x";
    assert.equal(await levelOf("/200"), "debug");
    assert.equal(await levelOf("/404"), "debug");
    assert.equal(await levelOf("/401"), "debug");
    assert.equal(await levelOf("/401?token=secret"), "debug");
    assert.equal(await levelOf("/401", { authorization }), "info");
    assert.equal(await levelOf("/429"), "info");
    assert.equal(await levelOf("/403"), "info");
    assert.equal(await levelOf("/500", { authorization }), "warn");
  });
});
