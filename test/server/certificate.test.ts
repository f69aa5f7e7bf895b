import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, test } from "node:test";
import tls from "node:tls";
import { readCertificate } from "../../src/server/certificate.ts";
import { waitUntil } from "../support/wait.ts";
import { get, start, type Started } from "./support.ts";

const pairs = path.join(import.meta.dirname, "../support/tls");
const folder = await mkdtemp(path.join(tmpdir(), "berth-tls-"));
after(() => rm(folder, { recursive: true }));
const files = { cert: path.join(folder, "cert.pem"), key: path.join(folder, "key.pem") };

/** Puts one of the two pairs where the server reads its certificate. */
async function install(cert: "first" | "second", key = cert): Promise<void> {
  await copyFile(path.join(pairs, `${cert}.cert.pem`), files.cert);
  await copyFile(path.join(pairs, `${key}.key.pem`), files.key);
}

async function handshake(port: number): Promise<tls.TLSSocket> {
  const socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  await once(socket, "secureConnect");
  return socket;
}

/** The common name in the server's certificate. */
async function subject({ server }: Started): Promise<unknown> {
  const socket = await handshake(server.port);
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return CN;
}

async function hangUp({ signals, log }: Started): Promise<string> {
  const before = log.length;
  signals.emit("SIGHUP", "SIGHUP");
  await waitUntil("the log says something", () => log.length > before);
  return log.at(-1) ?? "";
}

describe("the TLS certificate of the server", () => {
  test("is reloaded on SIGHUP, and open connections stay open", async () => {
    await install("first");
    const started = await start({ tls: files });
    assert.match(started.server.url, /^https:\/\/127\.0\.0\.1:\d+$/);
    assert.equal(await subject(started), "first");
    const open = await handshake(started.server.port);

    await install("second");
    assert.match(await hangUp(started), /certificate read again/);
    assert.equal(await subject(started), "second");
    open.write(get("/still-here", "Connection: close"));
    assert.match(String(await once(open, "data")), /200 OK[^]*still-here/);
  });

  test("stays in use when SIGHUP finds an invalid or missing certificate", async () => {
    await install("first");
    const started = await start({ tls: files });
    const bad = [
      () => install("second", "first"),
      () => writeFile(files.cert, "nonsense"),
      () => rm(files.cert),
    ];
    for (const spoil of bad) {
      await spoil();
      assert.match(await hangUp(started), /the old one stays/);
      assert.equal(await subject(started), "first");
    }
  });

  test("stops the start with an error that names the files and the reason when it is unusable", async () => {
    await install("first", "second");
    await assert.rejects(readCertificate(files), (error: Error) => {
      assert.ok(error.message.startsWith(`tls.cert ${files.cert} and tls.key ${files.key} cannot`));
      return /mismatch/.test(error.message);
    });
    await assert.rejects(start({ tls: { ...files, cert: "/no/such.pem" } }), {
      message: "tls.cert /no/such.pem cannot be read: no such file",
    });
  });

  test("does not block the drain: SIGTERM closes an idle TLS connection and the server exits with 0", async () => {
    await install("first");
    const { server, signals } = await start({ tls: files, limits: { drainTimeout: 60_000 } });
    const idle = await handshake(server.port);
    const closed = once(idle, "close");
    signals.emit("SIGTERM", "SIGTERM");
    assert.equal(await server.ended, 0);
    await closed;
  });
});
