import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import path from "node:path";
import tls from "node:tls";
import { describe, test } from "node:test";
import { renderMetrics } from "../../src/observability/metrics.ts";
import { waitUntil } from "../support/wait.ts";
import { connect, get, start, type Started } from "./support.ts";

const pairs = path.join(import.meta.dirname, "../support/tls");
const files = {
  cert: path.join(pairs, "first.cert.pem"),
  key: path.join(pairs, "first.key.pem"),
};

async function valueOf({ metrics }: Started, name: string): Promise<number> {
  const { body } = await renderMetrics([await metrics.collect()], "");
  return Number(new RegExp(`^${name} (.+)$`, "m").exec(body)?.[1]);
}

describe("the metrics of the server", () => {
  test("count the bytes of open and of closed connections, and the open connections", async () => {
    const handle = (request: http.IncomingMessage, response: http.ServerResponse): void =>
      void request.resume().on("end", () => response.end("x".repeat(10_000)));
    const started = await start({ handle });
    const kept = await connect(started.server.port, get("/kept"));
    await kept.until("x".repeat(10_000));
    const upload = http.request({ port: started.server.port, method: "POST", agent: false });
    upload.end(Buffer.alloc(50_000));
    const [response] = (await once(upload, "response")) as [http.IncomingMessage];
    await once(response.resume(), "close");
    await waitUntil("one connection is open", async () => {
      return (await valueOf(started, "berth_http_connections")) === 1;
    });
    const received = await valueOf(started, "berth_http_received_bytes_total");
    const sent = await valueOf(started, "berth_http_sent_bytes_total");
    assert.ok(received > 50_000 && received < 52_000, `${received}`);
    assert.ok(sent > 20_000 && sent < 22_000, `${sent}`);
    kept.socket.destroy();
    await waitUntil("no connection is open", async () => {
      return (await valueOf(started, "berth_http_connections")) === 0;
    });
    assert.equal(await valueOf(started, "berth_http_sent_bytes_total"), sent);
  });

  test("count the bytes of TLS connections, and show when the certificate ends", async () => {
    const started = await start({ tls: files });
    const socket = tls.connect({
      ...{ port: started.server.port, host: "127.0.0.1", rejectUnauthorized: false },
    });
    await once(socket, "secureConnect");
    const endsAt = Date.parse(socket.getPeerCertificate().valid_to) / 1_000;
    socket.write(get("/something"));
    await once(socket, "data");
    const name = "berth_tls_certificate_expiry_timestamp_seconds";
    assert.equal(await valueOf(started, name), endsAt);
    assert.ok((await valueOf(started, "berth_http_received_bytes_total")) > 100);
    assert.ok((await valueOf(started, "berth_http_sent_bytes_total")) > 100);
    socket.destroy();
  });

  test("show no certificate without TLS", async () => {
    const started = await start();
    const name = "berth_tls_certificate_expiry_timestamp_seconds";
    assert.ok(Number.isNaN(await valueOf(started, name)));
  });
});
