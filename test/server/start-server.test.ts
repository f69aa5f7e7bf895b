import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, test } from "node:test";
import { connect, get, start } from "./support.ts";
import { waitUntil } from "../support/wait.ts";

/** An application that leaves its responses open until the test ends them. */
function createHeld() {
  const held: ServerResponse[] = [];
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.url === "/begun") response.write("first half, ");
    held.push(response);
  };
  const arrival = (count: number): Promise<void> =>
    waitUntil(`${count} requests have arrived`, () => held.length >= count);
  return { held, handle, arrival };
}

describe("the first signal", () => {
  for (const signal of ["SIGTERM", "SIGINT"]) {
    test(`${signal} waits for running requests, then closes the application, and exits with 0`, async () => {
      const { held, handle, arrival } = createHeld();
      const { server, signals, asked } = await start({ handle });
      const waiting = await connect(server.port, get("/waiting"));
      const begun = await connect(server.port, get("/begun"));
      await arrival(2);

      signals.emit(signal, signal);
      await waitUntil("it drains", () => asked.length > 0);
      assert.deepEqual(asked, ["drain"]);
      for (const response of held) response.end("whole");

      assert.match(await waiting.all(), /^connection: close\r\n[^]*whole$/im);
      assert.match(await begun.all(), /first half, [^]*whole\r\n0\r\n\r\n$/);
      assert.equal(await server.ended, 0);
      assert.deepEqual(asked, ["drain", "close"]);
    });
  }

  test("rejects new connections and closes idle ones, including those without any request", async () => {
    const { held, handle, arrival } = createHeld();
    const { server, signals } = await start({ handle });
    const busy = await connect(server.port, get("/busy"));
    const silent = await connect(server.port);
    const kept = await connect(server.port, get("/kept"));
    await arrival(2);
    held[1]?.end("answer");
    await kept.until("answer");

    signals.emit("SIGTERM", "SIGTERM");
    assert.equal(await silent.all(), "");
    assert.doesNotMatch(await kept.all(), /connection: close/i);
    await assert.rejects(connect(server.port), { code: "ECONNREFUSED" });
    held[0]?.end("answer");
    await busy.all();
    assert.equal(await server.ended, 0);
  });

  test("closes a connection after its response even if the response header says keep-alive", async () => {
    const { held, handle, arrival } = createHeld();
    const { server, signals } = await start({ handle, limits: { drainTimeout: 60_000 } });
    const begun = await connect(server.port, get("/begun"));
    const waiting = await connect(server.port, get("/waiting"));
    await arrival(2);
    await begun.until("first half");
    signals.emit("SIGTERM", "SIGTERM");
    const response = held.find(({ req }) => req.url === "/begun");
    response?.end("whole");
    assert.match(await begun.all(), /^connection: keep-alive\r$[^]*whole/im);
    for (const other of held) other.end();
    await waiting.all();
    assert.equal(await server.ended, 0);
  });

  test("makes the server exit at once when no request runs", async () => {
    const { server, signals } = await start({ limits: { drainTimeout: 60_000 } });
    await connect(server.port);
    signals.emit("SIGTERM", "SIGTERM");
    assert.equal(await server.ended, 0);
  });

  test("closes connections whose request still runs after limits.drainTimeout", async () => {
    const { handle, arrival } = createHeld();
    const { server, signals, asked } = await start({ handle, limits: { drainTimeout: 100 } });
    const waiting = await connect(server.port, get("/waiting"));
    await arrival(1);
    const began = performance.now();
    signals.emit("SIGTERM", "SIGTERM");
    assert.equal(await waiting.all(), "");
    assert.equal(await server.ended, 0);
    assert.ok(performance.now() - began >= 95);
    assert.deepEqual(asked, ["drain", "close"]);
  });

  test("lets a running upload complete", async () => {
    let sizeBytes = 0;
    const { server, signals, asked } = await start({
      handle: (request, response) => {
        request
          .on("data", (chunk: Buffer) => (sizeBytes += chunk.length))
          .on("end", () => response.end(`took ${sizeBytes}`));
      },
    });
    const upload = await connect(
      server.port,
      "PUT / HTTP/1.1\r\nHost: berth\r\nContent-Length: 8\r\n\r\n1234",
    );
    await waitUntil("half of it has arrived", () => sizeBytes === 4);
    signals.emit("SIGTERM", "SIGTERM");
    await waitUntil("it drains", () => asked.length > 0);
    upload.socket.write("5678");
    assert.match(await upload.all(), /connection: close[^]*took 8$/i);
    assert.equal(await server.ended, 0);
  });

  test("makes the server exit with 1 if closing the application fails", async () => {
    const close = (): Promise<void> => Promise.reject(new Error("disk gone"));
    const { server, signals, log } = await start({ close });
    signals.emit("SIGTERM", "SIGTERM");
    assert.equal(await server.ended, 1);
    assert.match(log.join(""), /disk gone/);
  });
});

describe("a second signal", () => {
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    test(`${signal} exits at once with ${code} and does not close the application`, async () => {
      const { handle, arrival } = createHeld();
      const { server, signals, asked } = await start({ handle, limits: { drainTimeout: 60_000 } });
      const waiting = await connect(server.port, get("/waiting"));
      await arrival(1);
      signals.emit("SIGTERM", "SIGTERM");
      signals.emit(signal, signal);
      assert.equal(await server.ended, code);
      assert.deepEqual(asked, ["drain"]);
      assert.equal(await waiting.all(), "");
    });
  }
});

describe("a client that disconnects", () => {
  test("closes all responses of its connection, including pipelined ones that still wait", async () => {
    const ended: (string | undefined)[] = [];
    const { held, handle, arrival } = createHeld();
    const { server } = await start({
      handle(request, response) {
        response.once("close", () => ended.push(request.url));
        handle(request, response);
      },
    });
    const client = await connect(
      server.port,
      ["/1", "/2", "/3", "/4"].map((url) => get(url)).join(""),
    );
    await arrival(4);
    held[0]?.end("the answer to /1");
    await client.until("the answer to /1");
    client.socket.destroy();
    await waitUntil("all responses have ended", () => ended.length >= 4);
    assert.deepEqual(ended.toSorted(), ["/1", "/2", "/3", "/4"]);
  });
});

describe("the limits of the server", () => {
  test("the server closes a connection without traffic after limits.idleTimeout", async () => {
    const { server } = await start({ handle: createHeld().handle, limits: { idleTimeout: 100 } });
    const waiting = await connect(server.port, get("/waiting"));
    assert.equal(await waiting.all(), "");
  });

  test("the server closes connections above limits.connections and logs them", async () => {
    const { server, log } = await start({ limits: { connections: 1 } });
    const first = await connect(server.port, get("/first"));
    await first.until("/first");
    const second = await connect(server.port, get("/second"));
    assert.equal(await second.all(), "");
    assert.match(log.join(""), /connections rejected/);
  });

  test("an upload slower than limits.uploadRate during limits.idleTimeout gets 408 and is closed", async () => {
    const { server } = await start({
      handle: (request) => void request.resume(),
      limits: { idleTimeout: 1000, uploadRate: 1024 },
    });
    const head = "PUT / HTTP/1.1\r\nHost: berth\r\nContent-Length: 100000\r\n\r\n";
    const upload = await connect(server.port, head);
    const drip = setInterval(() => upload.socket.write("x"), 50);
    try {
      const answer = await upload.all();
      assert.match(answer, /^HTTP\/1\.1 408 /);
      assert.match(answer, /^connection: close\r$/im);
      assert.match(answer, /arrives too slowly/);
    } finally {
      clearInterval(drip);
    }
  });

  test("the server closes a connection whose request body goes on slowly after its response", async () => {
    const { server } = await start({ limits: { idleTimeout: 1000 } });
    const head = "PUT /answered HTTP/1.1\r\nHost: berth\r\nContent-Length: 100000\r\n\r\n";
    const upload = await connect(server.port, head);
    const drip = setInterval(() => upload.socket.write("x"), 50);
    try {
      assert.match(await upload.all(), /^HTTP\/1\.1 200 [^]*\/answered/);
    } finally {
      clearInterval(drip);
    }
  });
});
