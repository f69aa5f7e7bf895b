import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import path from "node:path";
import { test } from "node:test";
import { startBerth } from "../support/berth.ts";
import { mirrorSettings, newFolder, pushUpstream } from "../mirror/support.ts";
import { startNameServer } from "./names.ts";

/*
 * `addresses.test.ts` runs this file in a separate network namespace with one public address, one private address and a
 * name server that returns scripted answers.
 */

const [publicAddress, privateAddress] = ["8.8.4.4", "10.0.0.1"];
const names = {
  "upstream.example": [publicAddress],
  "private.example": [privateAddress],
  "turning.example": [publicAddress, privateAddress],
};

execFileSync("ip", ["link", "set", "lo", "up"]);
for (const address of [publicAddress, privateAddress])
  execFileSync("ip", ["address", "add", `${address}/32`, "dev", "lo"]);
const folder = newFolder();
mkdirSync(folder, { recursive: true });
const resolver = path.join(folder, "resolv.conf");
writeFileSync(resolver, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
execFileSync("mount", ["--bind", resolver, "/etc/resolv.conf"]);

const port = 5000;
const listen = async (
  address: string,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
) => {
  const server = createServer({ keepAliveTimeout: 1 }, handle).listen(port, address);
  await once(server, "listening");
  return server;
};
const mirrorOf = (name: string) =>
  startBerth(
    newFolder(),
    mirrorSettings(`http://${name}:${port}`, { allowPrivateNetwork: false, prefetch: 0 }),
  );

test("a mirror never connects to a private address by name, by redirect or by a changed DNS answer", async () => {
  const nameServer = await startNameServer(names);
  const upstream = await startBerth(newFolder());
  const image = await pushUpstream({ upstream }, "library/app", "1", "a layer");
  let redirectTo: string | undefined;
  let reached = 0;
  const secret = await listen(privateAddress, (_, response) => {
    reached += 1;
    response.end("secret");
  });
  const front = await listen(publicAddress, (incoming, outgoing) => {
    if (redirectTo !== undefined && incoming.url?.includes("/blobs/") === true) {
      outgoing.writeHead(307, { Location: `${redirectTo}${incoming.url}` }).end();
      return;
    }
    const { method, url } = incoming;
    // In open mode a registry answers only requests with its own host name.
    const headers = { ...incoming.headers, host: "127.0.0.1" };
    const target = { host: "127.0.0.1", port: upstream.port, method, path: url, headers };
    request(target, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, connection: "close" });
      answer.pipe(outgoing);
    }).end();
  });
  const [manifest, blob] = ["/v2/app/manifests/1", `/v2/app/blobs/${image.layer}`];

  const good = await mirrorOf("upstream.example");
  await good.api.get(manifest).expect(200);
  for (const host of ["private.example", privateAddress, "localhost", "[::ffff:10.0.0.1]"]) {
    redirectTo = `http://${host}:${port}`;
    await good.api.get(blob).expect(502);
  }
  redirectTo = undefined;
  await good.api.get(blob).expect(200);
  await good.close();

  const hidden = await mirrorOf("private.example");
  await hidden.api.get(manifest).expect(502);
  await hidden.close();

  // The mirror resolves the name again for the next connection. Then the answer is the private address.
  const turning = await mirrorOf("turning.example");
  await turning.api.get(manifest).expect(200);
  await turning.api.get(blob).expect(502);
  assert.ok((nameServer.asked.get("turning.example") ?? 0) >= 2, "the name was asked for again");
  await turning.close();

  assert.equal(reached, 0);
  for (const server of [secret, front]) {
    server.closeAllConnections();
    server.close();
  }
  nameServer.close();
  await upstream.close();
});
