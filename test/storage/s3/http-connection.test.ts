import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { HttpConnection } from "../../../storage/s3/http-connection.ts";
import { createHttpReader } from "../../../storage/s3/http-reader.ts";
import { bytesOf, createReadBuffers } from "../../../storage/shared-read/buffers.ts";
import { pattern } from "../bytes.ts";
import { waitUntil } from "../../support/wait.ts";

/** Opens a connection to a server that calls `serve` for its request. */
async function openTo(serve: (socket: Socket) => void) {
  const server = createServer((socket) =>
    socket.on("error", () => undefined).once("data", () => serve(socket)),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const buffers = createReadBuffers();
  const connection = new HttpConnection({ host: "127.0.0.1", port, tls: false }, buffers, 5_000);
  connection.write("request");
  return {
    connection,
    heldBytes: buffers.heldBytes,
    close: async () => {
      connection.end();
      server.close();
      await once(server, "close");
      await waitUntil("all buffers are released", () => buffers.heldBytes() === 0);
    },
  };
}

/** Reads to the end of the connection. */
async function readAll(connection: HttpConnection): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (;;) {
    try {
      const filled = await connection.next();
      pieces.push(Buffer.from(bytesOf(filled)));
      filled.buffer.release();
    } catch (error) {
      assert.equal((error as { code?: unknown }).code, "ECONNRESET");
      return Buffer.concat(pieces);
    }
  }
}

test("a reader gets the bytes that arrive together with the end of the connection", async () => {
  const { connection, close } = await openTo((socket) => socket.end("the whole response"));
  assert.equal((await readAll(connection)).toString(), "the whole response");
  assert.equal(connection.isOpen, false);
  await close();
});

test("a response head that arrives one byte at a time ends after the idle time in total", async (t) => {
  const server = createServer((socket) => {
    const dripping = setInterval(() => socket.write("H"), 20);
    socket.on("error", () => undefined).on("close", () => clearInterval(dripping));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/object`;
  const reader = createHttpReader(200, () => Promise.resolve(url));
  assert.equal(await reader.open("object", undefined), undefined);
  reader.close();
});

test("bytes of several buffers arrive in order and unchanged", async () => {
  const bytes = pattern(5_000_000);
  const { connection, close } = await openTo((socket) => socket.end(bytes));
  assert.equal(Buffer.compare(await readAll(connection), bytes), 0);
  await close();
});

test("a connection without a reader stops reading and does not collect bytes", async () => {
  const { connection, heldBytes, close } = await openTo((socket) =>
    socket.write(pattern(20_000_000)),
  );
  const first = await connection.next();
  for (let turns = 0; turns < 100; turns += 1) await setImmediate();
  assert.ok(heldBytes() <= 3 * 1024 * 1024, `${heldBytes()} bytes`);
  first.buffer.release();
  await close();
});
