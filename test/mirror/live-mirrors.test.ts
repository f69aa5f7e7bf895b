import assert from "node:assert/strict";
import { once } from "node:events";
import { get, type IncomingMessage, type ServerResponse } from "node:http";
import { test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { startClosedBerth } from "../support/closed.ts";
import { waitUntil } from "../support/wait.ts";
import { hubAs } from "../http/hub/support.ts";
import { bulk, startScriptedUpstream } from "./support.ts";

const layer = Buffer.from(bulk(300_000, "the layer"));

/** An upstream whose blob stops in the middle until `go` is called. */
async function startSlowUpstream() {
  const waiting: (() => void)[] = [];
  let isOpen = false;
  const upstream = await startScriptedUpstream(({ url = "" }, response: ServerResponse) => {
    if (!url.includes("/blobs/")) return void response.writeHead(404).end();
    response.writeHead(200, { "content-length": layer.length });
    response.write(layer.subarray(0, 100_000));
    const finish = (): void => void response.end(layer.subarray(100_000));
    if (isOpen) finish();
    else waiting.push(finish);
  });
  return {
    ...upstream,
    go: () => {
      isOpen = true;
      for (const finish of waiting.splice(0)) finish();
    },
  };
}

test("a pull that runs finishes with the settings before, and the next one uses the new upstream", async () => {
  const before = await startSlowUpstream();
  const next = await startScriptedUpstream((_, response) => void response.writeHead(404).end());
  const berth = await startClosedBerth();
  const admin = await hubAs(berth, "admin");
  const base = "/api/berth/v1/mirrors";
  const settings = { allow_private_network: true, is_private: false };
  const mirror = { namespace: "up.example", upstream: before.url, ...settings };
  assert.equal((await admin("post", base, mirror)).status, 201);

  const path = `/v2/up.example/team/app/blobs/${digestOf(layer)}`;
  const token = await berth.token(undefined, "repository:up.example/team/app:pull");
  const headers = { authorization: `Bearer ${token}` };
  const request = get({ host: "127.0.0.1", port: berth.port, path, headers });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  const received: Buffer[] = [];
  response.on("data", (bytes: Buffer) => void received.push(bytes));
  const ended = once(response, "end");
  await waitUntil("the first bytes have arrived", () => received.length > 0);

  const change = { upstream: next.url, is_private: true };
  assert.equal((await admin("patch", `${base}/up.example`, change)).status, 200);
  const other = `/v2/up.example/team/other/blobs/${digestOf(Buffer.from("other"))}`;
  await berth.as("admin").api.get(other).expect(404);
  assert.ok(next.seen.some((line) => line.includes("/team/other/blobs/")));
  // Longer than the mirrors before wait for the requests that use them.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  before.go();
  await ended;
  assert.ok(Buffer.concat(received).equals(layer));

  await waitUntil("the mirrors before have ended", async () => {
    const rows = await berth.tables.rows("SELECT owner FROM mirror_processes");
    return rows.length === 1;
  });
  // The pull of before has created it.
  assert.deepEqual(await berth.tables.rows("SELECT name, visibility FROM repositories"), [
    { name: "up.example/team/app", visibility: "private" },
  ]);
  assert.equal((await admin("delete", `${base}/up.example`)).status, 204);
  await waitUntil("no mirror is open", async () => {
    const rows = await berth.tables.rows("SELECT owner FROM mirror_processes");
    return rows.length === 0;
  });
});
