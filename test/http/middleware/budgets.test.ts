import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { isHubRoute } from "../../../src/http/route.ts";
import { connect, type Connection } from "../../server/support.ts";
import { pushImageParts, putManifest } from "../../support/berth.ts";
import { password, startClosedBerth } from "../../support/closed.ts";
import { everyRoute, titleOf } from "../../support/route-table.ts";

const basic = (name: string): string =>
  `Authorization: Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
const head = (line: string, ...headers: string[]): string =>
  [`${line} HTTP/1.1`, "Host: localhost", ...headers, "", ""].join("\r\n");

function closeAfterwards(connections: readonly Connection[]): void {
  after(() => {
    for (const { socket } of connections) socket.destroy();
  });
}

describe("many incomplete manifests of one user", () => {
  test("are answered 429 above a quarter of the total limit, and another user can still push", async () => {
    const berth = await startClosedBerth({ "limits.manifestsInFlight": "4" });
    for (const name of ["ann", "mia"]) await berth.addUser(name);
    const open: Connection[] = [];
    closeAfterwards(open);
    const half = Buffer.alloc(3 * 2 ** 20, " ");
    for (let index = 0; index < 6; index += 1) {
      const put = `PUT /v2/ann/app/manifests/${index}`;
      const connection = await connect(
        berth.port,
        head(put, basic("ann"), `Content-Length: ${4 * 2 ** 20}`),
      );
      connection.socket.write(half);
      open.push(connection);
    }
    const refused = await Promise.any(open.map(({ until }) => until("TOOMANYREQUESTS")));
    assert.match(refused, /^HTTP\/1\.1 429 [^]*retry-after: 1\r\n/i);
    const mia = berth.as("mia");
    const { manifest } = await pushImageParts(mia, "mia/app");
    await putManifest(mia, "mia/app", "1", manifest).expect(201);
  });
});

describe("the limits per client", () => {
  test("limits.requestsPerClient applies to every route except /healthz and /readyz", async () => {
    const berth = await startClosedBerth({ "limits.requestsPerClient": "1" });
    const open: Connection[] = [];
    closeAfterwards(open);
    await berth.addOrganisation("crew", "admin");
    await berth.pushImage("crew/app", "admin", "private");
    const { headers } = await berth.as("admin").api.post("/v2/crew/app/blobs/uploads/").expect(202);
    const location = String(headers["location"]);
    open.push(
      await connect(
        berth.port,
        `${head(`PATCH ${location}`, basic("admin"), "Content-Length: 9")}x`,
      ),
      await connect(
        berth.port,
        `${head(
          "POST /token",
          "Content-Type: application/x-www-form-urlencoded",
          "Content-Length: 60000",
        )}x`,
      ),
    );
    const drip = setInterval(() => open[1]?.socket.write("x".repeat(200)), 100);
    after(() => clearInterval(drip));
    const sample: Readonly<Record<string, string>> = {
      ...{ name: "admin", repository: "app", namespace: "crew", org: "crew" },
      ...{ account: "crew", reference: "1", digest: `sha256:${"0".repeat(64)}` },
    };
    const others: string[] = [];
    for (const route of everyRoute) {
      const target = route.path
        .replace(/\*(?:repository|name)/, "crew/app")
        .replaceAll(/[*:](\w+)/g, (_, name: string) => sample[name] ?? "1");
      const isAnonymous = !isHubRoute(route) && route.requires.kind === "none";
      const request = berth.api[route.method](target);
      if (!isAnonymous) request.auth("admin", password);
      const { status } = await request;
      if (status !== 429) others.push(`${titleOf(route)} ${status}`);
    }
    assert.deepEqual(others, ["get /healthz 200", "get /readyz 200"]);
  });

  test("a request is no longer counted after its client disconnects while the password is verified", async () => {
    const berth = await startClosedBerth({ "limits.requestsPerClient": "4" });
    await berth.addUser("ann");
    for (let index = 0; index < 8; index += 1)
      (await connect(berth.port, head("GET /v2/", basic("ann")))).socket.destroy();
    // The server verifies passwords of one account from one address one after another.
    await berth.as("ann").api.get("/v2/").expect(200);
  });

  test("anonymous token requests are limited per address; a request with a password is still answered 200", async () => {
    const berth = await startClosedBerth({ "limits.anonymousTokens": "1" });
    await berth.addUser("ann");
    const answers: number[] = [];
    for (let index = 0; index < 55; index += 1)
      answers.push((await berth.api.get("/token")).status);
    assert.equal(answers.indexOf(429) >= 50, true, `refused at ${answers.indexOf(429)}`);
    await berth.as("ann").api.get("/token").expect(200);
  });
});
