import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import https from "node:https";
import type { IncomingHttpHeaders } from "node:http";
import { describe, test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { startHaproxy, startNginx } from "./support/balancer.ts";
import { adminPassword, startCluster } from "./support/cluster.ts";
import { freePort } from "./support/program.ts";
import { waitUntil } from "../support/wait.ts";

const host = "registry.example.com";
const ports = { HAProxy: await freePort(), nginx: await freePort() };
const basic = `Basic ${Buffer.from(`admin:${adminPassword}`).toString("base64")}`;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends a request for the registry's host name to a balancer. `target` is a path or a Location. */
async function ask(
  port: number,
  method: string,
  target: string,
  { body, headers = {} }: { readonly body?: Buffer; readonly headers?: object } = {},
): Promise<Answer> {
  const request = https.request({
    ...{ port, host: "127.0.0.1", servername: host, rejectUnauthorized: false, method },
    path: target.replace(/^https?:\/\/[^/]+/, ""),
    headers: {
      ...{ host: `${host}:${port}`, authorization: basic, ...headers },
      ...(body === undefined ? {} : { "content-length": body.length }),
    },
  });
  request.end(body);
  const [response] = (await once(request, "response")) as [AsyncIterable<Buffer> & Answer];
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece);
  const { statusCode = 0, headers: received } = response as unknown as {
    statusCode?: number;
    headers: IncomingHttpHeaders;
  };
  return { status: statusCode, headers: received, body: Buffer.concat(pieces) };
}

for (const [name, start] of [
  ["HAProxy", startHaproxy],
  ["nginx", startNginx],
] as const)
  describe(`three replicas behind ${name} with the example in deploy/`, async () => {
    const port = ports[name];
    const publicUrl = `https://${host}:${port}`;
    const cluster = await startCluster({
      env: { BERTH_PUBLIC_URL: publicUrl, BERTH_LOG_LEVEL: "debug" },
    });
    const { replicas } = cluster;
    await start({
      ...{ port, tls: true },
      replicas: replicas.map((replica) => `127.0.0.1:${replica.port}`),
    });
    /** The replicas whose logs have a request for this path, when all logs together have `times`. */
    const reached = async (path: string, times: number): Promise<readonly number[]> => {
      const timesIn = (index: number): number =>
        (replicas[index]?.log().split(`"path":"${path}"`).length ?? 1) - 1;
      const indexes = [0, 1, 2];
      await waitUntil(`the logs have ${times} requests for ${path}`, () => {
        return indexes.reduce((sum, index) => sum + timesIn(index), 0) === times;
      });
      return indexes.filter((index) => timesIn(index) > 0);
    };

    test("a challenge names the public URL, and the log names the client", async () => {
      const { status, headers } = await ask(port, "GET", "/v2/", {
        headers: { authorization: "" },
      });
      assert.equal(status, 401);
      assert.match(String(headers["www-authenticate"]), new RegExp(`realm="${publicUrl}/token"`));
      assert.doesNotMatch(replicas.map((one) => one.log()).join(""), /not in trustedProxies/);
    });

    test("all chunks of one upload reach one replica, and all pulls of the blob another one", async () => {
      const bytes = randomBytes(24_000_000);
      const digest = digestOf(bytes);
      const begun = await ask(port, "POST", "/v2/admin/app/blobs/uploads/");
      assert.equal(begun.status, 202, String(begun.body));
      let location = String(begun.headers.location);
      assert.ok(!location.startsWith("http") || location.startsWith(publicUrl));
      const step = bytes.length / 4;
      for (let at = 0; at < bytes.length; at += step) {
        const body = bytes.subarray(at, at + step);
        const headers = { "content-type": "application/octet-stream" };
        const sent = await ask(port, "PATCH", location, { body, headers });
        assert.equal(sent.status, 202, String(sent.body));
        location = String(sent.headers.location);
      }
      const id = /uploads\/([^?]+)/.exec(location)?.[1] ?? assert.fail();
      const join = location.includes("?") ? "&" : "?";
      const closed = await ask(port, "PUT", `${location}${join}digest=${digest}`);
      assert.equal(closed.status, 201, String(closed.body));
      const path = `/v2/admin/app/blobs/uploads/${id}`;
      assert.equal((await reached(path, 5)).length, 1);
      for (let pull = 0; pull < 6; pull += 1) {
        const read = await ask(port, "GET", `/v2/admin/app/blobs/${digest}`);
        assert.ok(read.body.equals(bytes));
      }
      assert.equal((await reached(`/v2/admin/app/blobs/${digest}`, 6)).length, 1);
    });

    test("a push with 100 tags of 128 characters is answered with all of them", async () => {
      const config = Buffer.from("{}");
      const blob = `/v2/admin/app/blobs/uploads/?digest=${digestOf(config)}`;
      const stored = await ask(port, "POST", blob, { body: config });
      assert.equal(stored.status, 201, String(stored.body));
      const mediaType = "application/vnd.oci.image.manifest.v1+json";
      const empty = { mediaType: "application/vnd.oci.empty.v1+json", size: config.length };
      const described = { ...empty, digest: digestOf(config) };
      const body = Buffer.from(
        JSON.stringify({ schemaVersion: 2, mediaType, config: described, layers: [described] }),
      );
      const tags = Array.from({ length: 100 }, (_, index) => `t${index}`.padEnd(128, "x"));
      const target = `/v2/admin/app/manifests/${digestOf(body)}?tag=${tags.join("&tag=")}`;
      const pushed = await ask(port, "PUT", target, {
        body,
        headers: { "content-type": mediaType },
      });
      assert.equal(pushed.status, 201, String(pushed.body));
      assert.deepEqual(String(pushed.headers["oci-tag"]).split(/, ?/), tags);
    });

    test("/metrics is 404", async () => {
      assert.equal((await ask(port, "GET", "/metrics")).status, 404);
    });

    test("every request is answered after a replica was killed", async () => {
      await replicas[1]?.end("SIGKILL");
      for (let request = 0; request < 30; request += 1) {
        const { status, body } = await ask(port, "GET", "/v2/admin/app/tags/list");
        assert.equal(status, 200, String(body));
      }
      await cluster.start(1);
    });
  });
