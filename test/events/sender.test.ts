import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, describe, test } from "node:test";
import type { StoredEvent } from "../../src/database/events/deliveries.ts";
import { createWebhookSecrets } from "../../src/events/secrets.ts";
import { createSender } from "../../src/events/sender.ts";
import { receiverAddresses } from "../../src/events/receivers.ts";
import { startReceiver } from "./receiver.ts";

const nowMs = Date.UTC(2026, 0, 2);
const ping: StoredEvent = {
  ...{ id: 7, atMs: nowMs, type: "ping", actor: "ann", peer: "", namespace: "team" },
  ...{ repository: null, tag: null, digest: null, previousDigest: null, mediaType: null },
  ...{ sizeBytes: null, visibility: null, repositoryCreatedAtMs: null, data: {} },
};
const secrets = createWebhookSecrets({ current: "a".repeat(32), old: undefined });

function senderTo(allowed: readonly string[]) {
  const sender = createSender({
    ...{ addresses: receiverAddresses(allowed), proxies: {}, secrets: async () => secrets },
    ...{ teller: { url: "https://registry.example.com", version: "1" }, clock: () => nowMs },
  });
  after(() => sender.close());
  return (
    url: string,
    more: { readonly oldSecretUntilMs?: number; readonly authorization?: Buffer } = {},
  ) =>
    sender.send(
      {
        ...{ id: "hook", url, format: "cloudevents", secret: secrets.seal("hook", "new secret") },
        ...{ oldSecret: secrets.seal("hook", "old secret"), oldSecretUntilMs: null },
        ...{ authorization: null, ...more },
      },
      ping,
      3,
    );
}
const hmac = (secret: string, text: string): string =>
  `sha256=${createHmac("sha256", secret).update(text).digest("hex")}`;

describe("a delivery", async () => {
  const receiver = await startReceiver();
  const send = senderTo(["127.0.0.0/8"]);

  test("has a signature of its time and its body, and one of the body alone", async () => {
    const attempt = await send(receiver.url);
    assert.deepEqual(attempt, { isDelivered: true, isUnreachable: false, status: 204, answer: "" });
    const { headers, body } = receiver.received.at(-1) ?? assert.fail("nothing was received");
    const seconds = String(nowMs / 1000);
    assert.equal(headers["x-berth-timestamp"], seconds);
    assert.equal(headers["x-berth-signature-256"], hmac("new secret", `${seconds}.${body}`));
    assert.equal(headers["x-signature"], hmac("new secret", body));
    assert.deepEqual([headers["x-berth-event"], headers["x-berth-delivery"]], ["ping", "3"]);
  });

  test("has two signatures while a secret is replaced", async () => {
    await send(receiver.url, { oldSecretUntilMs: nowMs + 1 });
    const { headers, body } = receiver.received.at(-1) ?? assert.fail("nothing was received");
    const signed = `${String(headers["x-berth-timestamp"])}.${body}`;
    const both = [hmac("new secret", signed), hmac("old secret", signed)].join(", ");
    assert.equal(headers["x-berth-signature-256"], both);
    await send(receiver.url, { oldSecretUntilMs: nowMs });
    const later = receiver.received.at(-1) ?? assert.fail("nothing was received");
    assert.equal(later.headers["x-berth-signature-256"], hmac("new secret", signed));
  });

  test("does not follow a redirect", async () => {
    receiver.answer = (response) =>
      void response.writeHead(307, { Location: `http://127.0.0.1:${receiver.port}/other` }).end();
    const count = receiver.received.length;
    const attempt = await send(receiver.url);
    assert.deepEqual([attempt.isDelivered, attempt.status], [false, 307]);
    assert.equal(receiver.received.length, count + 1);
  });

  test("has the header Authorization, which goes to no other server and is in no answer", async () => {
    const authorization = secrets.sealAuthorization(
      { id: "hook", url: receiver.url },
      "Bearer abc",
    );
    const other = await startReceiver();
    receiver.answer = (response, { headers }) =>
      void response
        .writeHead(307, { Location: other.url })
        .end(`${headers.authorization} and abc again`);
    const attempt = await send(receiver.url, { authorization });
    assert.equal(receiver.received.at(-1)?.headers.authorization, "Bearer abc");
    assert.deepEqual([attempt.status, attempt.answer], [307, "Bearer *** and *** again"]);

    const elsewhere = await send(other.url, { authorization });
    assert.match(elsewhere.answer, /the authorization cannot be decrypted: set a new one/);
    assert.deepEqual([elsewhere.status, other.received], [null, []]);
    const path = receiver.url.replace("/hook", "/another");
    assert.equal((await send(path, { authorization })).status, 307, "the server is the same");
  });

  test("keeps 4096 bytes of the answer, without control characters", async () => {
    receiver.answer = (response) =>
      void response.writeHead(500).end(`\u001B[31m\0no\n${"x".repeat(100_000)}`);
    const { answer, isUnreachable } = await send(receiver.url);
    assert.match(answer, /^\[31mno x+$/);
    assert.ok(answer.length <= 4096, `${answer.length} characters`);
    assert.equal(isUnreachable, false);
  });

  test("is unreachable if a gateway has no receiver, and if nothing listens", async () => {
    receiver.answer = (response) => void response.writeHead(503).end("later");
    const gateway = await send(receiver.url);
    assert.deepEqual([gateway.isUnreachable, gateway.status], [true, 503]);
    await receiver.close();
    const nothing = await send(receiver.url);
    assert.deepEqual([nothing.isUnreachable, nothing.status], [true, null]);
    assert.match(nothing.answer, /ECONNREFUSED/);
  });

  test("is not sent to an address that is not public, by its number or by its name", async () => {
    const other = await startReceiver();
    const toPublic = senderTo([]);
    for (const url of [
      other.url,
      `http://localhost:${other.port}/`,
      `http://[::1]:${other.port}/`,
      `http://[::ffff:127.0.0.1]:${other.port}/`,
      `http://2130706433:${other.port}/`,
      `http://0x7f.1:${other.port}/`,
      `http://0.0.0.0:${other.port}/`,
      "http://169.254.169.254/latest/meta-data",
      "http://10.0.0.1/",
    ]) {
      const attempt = await toPublic(url);
      assert.equal(attempt.isDelivered, false, url);
      assert.match(attempt.answer, /not public \(webhooks\.allowedNetworks/, url);
    }
    assert.equal(other.received.length, 0);
  });
});
