import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, readdir, stat, writeFile } from "node:fs/promises";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import path from "node:path";
import { after, describe, test } from "node:test";
import { programOf, startupBanner } from "../../../src/cli/commands/serve.ts";
import { parseListenAddress } from "../../../src/config/addresses.ts";
import { isPostgresTested } from "../../support/postgres.ts";
import { waitUntil } from "../../support/wait.ts";
import { berth, createFolder, launch, type Running } from "../support.ts";

const folder = await createFolder();
const memory = { BERTH_STORAGE_DRIVER: "memory", BERTH_DATA: path.join(folder, "memory") };

/** Starts a server on a free port; `url` is the URL in its first line. */
async function serve(
  args: string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Running & { url: string }> {
  const running = await launch(["serve", "--open", "--listen", "127.0.0.1:0", ...args], {
    ...memory,
    ...env,
  });
  after(() => running.child.kill("SIGKILL"));
  const printed = await running.until("docker push");
  return { ...running, url: /listens on (http:\/\/\S+)/.exec(printed)?.[1] ?? "" };
}

describe("berth serve", { concurrency: 2 }, () => {
  test("prints its URL and push commands, warns of open mode, and exits with 0 on SIGTERM", async () => {
    const data = path.join(folder, "data");
    const { url, child, ended } = await serve(["--data", data]);
    const { status } = await fetch(`${url}/v2/`);
    assert.equal(status, 200);
    child.kill("SIGTERM");

    const { code, stdout, stderr } = await ended;
    assert.equal(code, 0);
    const { host, port } = new URL(url);
    assert.equal(
      stdout.replace(/^Berth \S+/, "Berth"),
      `Berth listens on http://${host} (data in ${data}). Push a first image:

  docker pull alpine
  docker tag alpine localhost:${port}/alpine
  docker push localhost:${port}/alpine

`,
    );
    assert.match(stderr, /open mode: everyone/);
  });

  test("drains on SIGINT and exits at once with 130 on a second SIGINT, with all lines in its log", async () => {
    const { url, child, ended } = await serve([], { BERTH_LOG_REQUESTS: "true" });
    // A request whose body never ends keeps the server draining.
    const session = await fetch(`${url}/v2/a/blobs/uploads/`, { method: "POST" });
    const location = new URL(session.headers.get("location") ?? "", url);
    const upload = http.request(location, { method: "PATCH" });
    upload.on("error", () => undefined).write("begun");
    let asked = 0;
    await waitUntil("it has begun", async () => {
      const { headers } = await fetch(location);
      asked += 1;
      return headers.get("range") === "0-4";
    });
    child.kill("SIGINT");
    await waitUntil("the server accepts no connection", async () => !(await accepts(url)));
    assert.equal(child.exitCode, null);
    child.kill("SIGINT");
    const { code, stderr } = await ended;
    assert.equal(code, 130);
    assert.equal(stderr.split(`"method":"GET","path":"${location.pathname}"`).length - 1, asked);
  });

  test("requires a login by default, and prints the command that sets the administrator's password", async () => {
    const data = path.join(folder, "closed");
    const login = (url: string, password: string): Promise<Response> =>
      fetch(`${url}/token`, {
        headers: { authorization: `Basic ${Buffer.from(`admin:${password}`).toString("base64")}` },
      });
    const run = async (work: (url: string, printed: string) => Promise<void>): Promise<string> => {
      const running = await launch(["serve", "--listen", "127.0.0.1:0", "--data", data]);
      after(() => running.child.kill("SIGKILL"));
      const printed = await running.until("docker push");
      const url = /listens on (http:\/\/\S+)/.exec(printed)?.[1] ?? "";
      assert.equal((await fetch(`${url}/v2/`)).status, 401);
      await work(url, printed);
      running.child.kill("SIGTERM");
      const { code, stdout } = await running.ended;
      assert.equal(code, 0);
      return stdout;
    };
    const password = "correct horse battery";
    await run(async (url, printed) => {
      const command = `berth user password admin --data ${data}`;
      // The database of a replica is not in the folder, and its clients use the public URL.
      const printedCommand = isPostgresTested ? "berth user password admin" : command;
      assert.ok(printed.includes(`\n  ${printedCommand}\n`), printed);
      const host = isPostgresTested ? "127.0.0.1" : `localhost:${new URL(url).port}`;
      for (const line of [
        `docker login -u admin ${host}`,
        `docker tag alpine ${host}/admin/alpine`,
        `docker push ${host}/admin/alpine`,
      ])
        assert.ok(printed.includes(`\n  ${line}\n`), printed);
      const refused = await login(url, "admin");
      assert.equal(refused.status, 403);
      assert.match(await refused.text(), /berth user password admin/);
      const { code } = await berth(command.split(" ").slice(1), {}, `${password}\n`);
      assert.equal(code, 0);
      assert.equal((await login(url, password)).status, 200);
    });
    const later = await run(async (url) => {
      assert.equal((await login(url, password)).status, 200);
    });
    assert.doesNotMatch(later, /password/);
  });

  test("creates a data folder that only its user can read, and warns when others may read it", async () => {
    const data = path.join(folder, "readable");
    const { child, ended } = await serve(["--data", data]);
    child.kill("SIGTERM");
    assert.doesNotMatch((await ended).stderr, /may read the data folder/);
    const files = await readdir(data, { recursive: true });
    for (const file of ["", ...files]) {
      const { mode } = await stat(path.join(data, file));
      assert.equal(mode & 0o077, 0, `${file} has the mode ${mode.toString(8)}`);
    }
    await chmod(data, 0o755);
    const again = await serve(["--data", data]);
    again.child.kill("SIGTERM");
    assert.match(
      (await again.ended).stderr,
      /other users of this machine may read the data folder/,
    );
  });

  test("reads the administrator's password from the configuration and prints no password command", async () => {
    const file = path.join(folder, "password");
    await writeFile(file, "correct horse battery\n");
    const running = await launch(
      ["serve", "--listen", "127.0.0.1:0", "--data", path.join(folder, "given")],
      {
        BERTH_AUTH_ADMIN_PASSWORD_FILE: file,
      },
    );
    after(() => running.child.kill("SIGKILL"));
    const printed = await running.until("docker push");
    assert.doesNotMatch(printed, /password|correct horse/);
    const url = /listens on (http:\/\/\S+)/.exec(printed)?.[1] ?? "";
    const authorization = `Basic ${Buffer.from("admin:correct horse battery").toString("base64")}`;
    const answer = await fetch(`${url}/token`, { headers: { authorization } });
    assert.equal(answer.status, 200);
    running.child.kill("SIGTERM");
    assert.equal((await running.ended).stdout.includes("correct horse"), false);
  });

  test("warns at the start and once at a forwarded request that trustedProxies is not set", async () => {
    const { url, child, ended } = await serve([], {
      BERTH_PUBLIC_URL: "https://registry.example.com",
    });
    for (let times = 0; times < 2; times += 1)
      await fetch(`${url}/v2/`, { headers: { "X-Forwarded-For": "203.0.113.7" } });
    child.kill("SIGTERM");
    const { stderr } = await ended;
    assert.match(stderr, /there is a proxy: set trustedProxies/);
    assert.equal(
      stderr.match(/a proxy that is not in trustedProxies forwards requests/g)?.length,
      1,
    );
  });

  for (const workers of ["1", "2"])
    test(`serves metrics and readiness only on metrics.listen, with ${workers} workers`, async () => {
      const other = net.createServer().listen(0, "127.0.0.1");
      await once(other, "listening");
      const address = `127.0.0.1:${(other.address() as AddressInfo).port}`;
      await new Promise((resolve) => other.close(resolve));
      const { url, child, ended } = await serve(
        ["--data", path.join(folder, `metrics-${workers}`)],
        {
          BERTH_STORAGE_DRIVER: "filesystem",
          BERTH_METRICS_LISTEN: address,
          BERTH_WORKERS: workers,
        },
      );
      assert.equal((await fetch(`http://${address}/metrics`)).status, 200);
      assert.equal((await fetch(`http://${address}/readyz`)).status, 200);
      assert.equal((await fetch(`http://${address}/v2/`)).status, 404);
      assert.equal((await fetch(`${url}/metrics`)).status, 404);
      child.kill("SIGTERM");
      assert.equal((await ended).code, 0);
    });

  test("exits with 2 when open mode listens on the network without auth.openOnNetwork", async () => {
    const network = await berth(["serve", "--open", "--listen", "0.0.0.0:0"], memory);
    assert.equal(network.code, 2);
    assert.match(
      network.stderr,
      /auth\.openOnNetwork[^]*0\.0\.0\.0:0[^]*BERTH_AUTH_OPEN_ON_NETWORK=true/,
    );
  });

  test("listens on all interfaces with auth.openOnNetwork and prints localhost in the commands", async () => {
    const { until, url } = await serve(["--listen", ":0"], { BERTH_AUTH_OPEN_ON_NETWORK: "true" });
    assert.match(url, /^http:\/\/(?:\[::\]|0\.0\.0\.0):\d+$/);
    assert.match(await until("docker push"), /docker push localhost:\d+\/alpine/);
  });

  test("prints localhost in the commands for 127.0.0.1, [::1] and all interfaces, else the address", () => {
    const pushTo = (listen: string): string | undefined => {
      const config = { listen: parseListenAddress(listen) ?? assert.fail(listen), data: "data" };
      const printed = startupBanner({
        ...{ version: "1", program: "berth", url: "http://unused", port: 5000 },
        ...{ config: { ...config, publicUrl: undefined, database: {} }, administrator: undefined },
      });
      return /docker push (.*)\/alpine/.exec(printed)?.[1];
    };
    for (const listen of ["127.0.0.1:0", "[::1]:0", "localhost:0", "0.0.0.0:0", "[::]:0", ":0"])
      assert.equal(pushTo(listen), "localhost:5000", listen);
    // `localhost` does not resolve to these addresses.
    assert.equal(pushTo("127.0.0.2:0"), "127.0.0.2:5000");
    assert.equal(pushTo("[2001:db8::1]:0"), "[2001:db8::1]:5000");
  });

  test("prints npx in front of its own command if npm has started it, which leaves no berth on the PATH", () => {
    assert.equal(programOf({ npm_lifecycle_event: "start" }), "npx berth");
    assert.equal(programOf({ npm_lifecycle_event: "npx" }), "npx berth");
    assert.equal(programOf({ npm_lifecycle_event: "test" }), "berth");
    assert.equal(programOf({}), "berth");
  });

  test("prints the host of the public URL in the commands", async () => {
    const { until } = await serve([], { BERTH_PUBLIC_URL: "https://registry.example.com" });
    assert.match(await until("docker push"), /docker push registry\.example\.com\/alpine/);
  });
});

async function accepts(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return await new Promise((resolve) => {
    const socket = net.connect(Number(port), hostname);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
