import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, linkSync, statSync, writeFileSync } from "node:fs";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { temporaryFolder } from "../../support/temporary.ts";
import { waitUntil } from "../../support/wait.ts";
import { berth, commandEnvironment, launch } from "../support.ts";

const publicUrl = "http://registry.example.com";

/** The status and the headers of `GET /v2/` over a Unix socket, as a proxy sends it. */
async function ask(socketPath: string, headers: Readonly<Record<string, string>> = {}) {
  const sent = http.get({
    socketPath,
    path: "/v2/",
    headers: { Host: "registry.example.com", ...headers },
  });
  const [response] = (await once(sent, "response")) as [http.IncomingMessage];
  response.resume();
  return response.statusCode;
}

async function serve(socket: string, env: Readonly<Record<string, string>> = {}) {
  const data = path.join(temporaryFolder(), "data");
  const args = ["serve", "--open", "--data", data, "--listen", `unix:${socket}`];
  const running = await launch(args, { BERTH_PUBLIC_URL: publicUrl, ...env });
  after(() => running.child.kill("SIGKILL"));
  const banner = await running.until("docker push");
  assert.ok(banner.includes(`listens on unix:${socket}`), banner);
  return running;
}

const newSocket = (): string => path.join(temporaryFolder(), "s.sock");

describe("berth serve --listen unix:PATH", () => {
  for (const workers of ["1", "2"])
    test(`listens with the mode of socketMode, and removes the socket at its end, with ${workers} process(es)`, async () => {
      const socket = newSocket();
      const running = await serve(socket, { BERTH_WORKERS: workers, BERTH_SOCKET_MODE: "0666" });
      assert.equal(statSync(socket).mode & 0o777, 0o666);
      for (let time = 0; time < 4; time += 1) assert.equal(await ask(socket), 200);
      running.child.kill("SIGTERM");
      assert.equal((await running.ended).code, 0);
      assert.equal(existsSync(socket), false);
    });

  test("replaces the socket of a killed server, and not that of a running one", async () => {
    const socket = newSocket();
    const first = await serve(socket);
    assert.equal(statSync(socket).mode & 0o777, 0o660);
    const data = path.join(temporaryFolder(), "data");
    const second = await berth(["serve", "--data", data, "--listen", `unix:${socket}`], {
      BERTH_PUBLIC_URL: publicUrl,
    });
    assert.equal(second.code, 1);
    assert.match(second.stderr, /unix:\S+s\.sock is already in use/);
    assert.equal(existsSync(data), false);
    first.child.kill("SIGKILL");
    await first.ended;
    assert.equal(existsSync(socket), true);
    await serve(socket);
    assert.equal(await ask(socket), 200);
  });

  test("does not replace another file, and needs publicUrl", async () => {
    const socket = newSocket();
    writeFileSync(socket, "a file");
    const data = path.join(temporaryFolder(), "data");
    const args = ["serve", "--data", data, "--listen", `unix:${socket}`];
    const inUse = await berth(args, { BERTH_PUBLIC_URL: publicUrl });
    assert.deepEqual([inUse.code, existsSync(data)], [1, false]);
    assert.match(inUse.stderr, /is already in use/);
    const unnamed = await berth(args, { BERTH_DATABASE_URL: "" });
    assert.equal(unnamed.code, 2);
    assert.match(unnamed.stderr, /publicUrl.*on a Unix socket/);
  });

  test("takes the address of a client from the proxy on the socket", async () => {
    const socket = newSocket();
    const running = await serve(socket, { BERTH_LOG_LEVEL: "debug" });
    let log = "";
    running.child.stderr?.on("data", (text: string) => (log += text));
    assert.equal(await ask(socket, { "X-Forwarded-For": "192.0.2.7" }), 200);
    await waitUntil("the request is logged", () => log.includes('"peer":"192.0.2.7"'));
  });
});

describe("berth serve with socket activation", () => {
  /** Starts a server that gets the descriptor 3, as systemd starts it. */
  async function activate(listener: net.Server, listen: string, pid = "$$") {
    const data = path.join(temporaryFolder(), "data");
    const script = `LISTEN_FDS=1 LISTEN_PID=${pid} exec "$0" dist/main.js serve --open --data "$1" --listen "$2"`;
    const child = spawn("/bin/sh", ["-c", script, process.execPath, data, listen], {
      cwd: path.join(import.meta.dirname, "../../.."),
      env: { ...(await commandEnvironment(data)), BERTH_PUBLIC_URL: publicUrl },
      stdio: [
        "ignore",
        "pipe",
        "pipe",
        (listener as unknown as { _handle: { fd: number } })._handle.fd,
      ],
    });
    after(() => child.kill("SIGKILL"));
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (output += text));
    const ended = once(child, "close") as Promise<[number | null]>;
    const isUp = () => output.includes("docker push") || child.exitCode !== null;
    await waitUntil("the server has started or ended", isUp);
    return { child, ended, output: () => output };
  }

  test("answers on the descriptor of a TCP socket, which it did not open", async () => {
    const listener = net.createServer();
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const { port } = listener.address() as AddressInfo;
    const { child, ended, output } = await activate(listener, `127.0.0.1:${port}`);
    assert.match(output(), new RegExp(`listens on http://127\\.0\\.0\\.1:${port} `));
    listener.close();
    assert.equal((await fetch(`http://127.0.0.1:${port}/v2/`)).status, 200);
    child.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
  });

  test("answers on the descriptor of a Unix socket, whose file stays", async () => {
    const socket = newSocket();
    const listener = net.createServer();
    await new Promise<void>((resolve) => listener.listen(`${socket}.own`, resolve));
    // Node removes the path when the listener closes; the socket stays under its other name.
    linkSync(`${socket}.own`, socket);
    const { child, ended } = await activate(listener, `unix:${socket}`);
    listener.close();
    assert.equal(await ask(socket), 200);
    child.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
    assert.equal(existsSync(socket), true);
  });

  test("ignores a descriptor for another process", async () => {
    const listener = net.createServer();
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const { port } = listener.address() as AddressInfo;
    const { ended, output } = await activate(listener, `127.0.0.1:${port}`, "1");
    assert.deepEqual(await ended, [1, null]);
    assert.match(output(), /is already in use/);
    listener.close();
  });
});
