import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { closeSync, copyFileSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import https from "node:https";
import net, { type AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { adminPassword, startBerth } from "./support/berth.ts";
import { atEnd, createScratch, endProcess, untilReady } from "./support/scratch.ts";
import { waitUntil } from "../support/wait.ts";

/*
 * Tests the examples of docs/proxy.md in real proxies. Only file names, ports and the host name are replaced.
 */

const root = path.join(import.meta.dirname, "../..");
const guide = readFileSync(path.join(root, "docs/proxy.md"), "utf8");
const example = (language: string): string =>
  new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(guide)?.[1] ??
  assert.fail(`docs/proxy.md has no example for ${language}`);

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** Sends a request for the registry's host name to the proxy, from a loopback address. */
function ask(
  port: number,
  method: string,
  target: string,
  options: { body?: Buffer; headers?: Record<string, string>; from?: string } = {},
): Promise<Answer> {
  const { body, headers = {}, from = "127.0.0.1" } = options;
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        ...{ port, host: "127.0.0.1", localAddress: from, method, path: target },
        ...{ servername: "registry.example.com", rejectUnauthorized: false, agent: false },
        headers: {
          ...{ host: `registry.example.com:${port}`, ...headers },
          ...(body === undefined ? {} : { "content-length": body.length }),
        },
      },
      (response) => {
        let text = "";
        response.setEncoding("latin1").on("data", (piece: string) => (text += piece));
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        );
      },
    );
    request.on("error", reject).end(body);
  });
}

const proxies: Readonly<
  Record<string, (folder: string, port: number, berth: string) => readonly string[]>
> = {
  nginx(folder, port, berth) {
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    const places = temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
    const server = example("nginx")
      .replace("listen 443 ssl", `listen 127.0.0.1:${port} ssl`)
      .replaceAll("/etc/ssl", folder)
      .replace("127.0.0.1:5000", berth);
    const file = path.join(folder, "nginx.conf");
    writeFileSync(
      file,
      `pid ${folder}/pid;\ndaemon off;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n${places}\n${server}\n}\n`,
    );
    return ["nginx", "-c", file, "-e", "stderr"];
  },
  caddy(folder, port, berth) {
    const site = example("caddyfile")
      .replace("registry.example.com {", `registry.example.com:${port} {`)
      .replaceAll("/etc/ssl", folder)
      .replace("127.0.0.1:5000", berth);
    const file = path.join(folder, "Caddyfile");
    writeFileSync(file, `{\n  admin off\n  auto_https disable_redirects\n}\n${site}`);
    return ["caddy", "run", "--adapter", "caddyfile", "--config", file];
  },
  traefik(folder, port, berth) {
    const files = [path.join(folder, "traefik.yaml"), path.join(folder, "berth.yaml")] as const;
    const settings = example("yaml traefik.yaml")
      .replace(":443", `127.0.0.1:${port}`)
      .replace("/etc/traefik/berth.yaml", files[1]);
    // Traefik looks for newer versions on the internet, which a test can't reach.
    writeFileSync(files[0], `global:\n  checkNewVersion: false\n${settings}`);
    const routes = example("yaml berth.yaml")
      .replaceAll("/etc/ssl", folder)
      .replace("127.0.0.1:5000", berth);
    writeFileSync(files[1], routes);
    return ["traefik", `--configFile=${files[0]}`];
  },
};

for (const [name, configure] of Object.entries(proxies)) {
  describe(`a registry behind ${name} with the example of docs/proxy.md`, async () => {
    const folder = createScratch(name);
    for (const kind of ["cert.pem", "key.pem"]) {
      const to = kind === "cert.pem" ? "registry.pem" : "registry.key";
      copyFileSync(path.join(root, `test/support/tls/first.${kind}`), path.join(folder, to));
    }
    const port = await freePort();
    const publicUrl = `https://registry.example.com:${port}`;
    const berth = await startBerth({
      open: false,
      settings: {
        BERTH_PUBLIC_URL: publicUrl,
        BERTH_TRUSTED_PROXIES: "127.0.0.1",
        BERTH_LOG_LEVEL: "debug",
      },
    });
    const log = path.join(folder, "log");
    const output = openSync(log, "w");
    const [command = "", ...args] = configure(folder, port, berth.host);
    const child = spawn(command, args, {
      cwd: folder,
      env: { PATH: process.env["PATH"], HOME: folder },
      stdio: ["ignore", output, output],
    });
    closeSync(output);
    const { pid } = child;
    assert.ok(pid, `${name} could not be started`);
    atEnd(async () => void (await endProcess(pid)));
    await untilReady(child, log, async () => {
      const answer = await ask(port, "GET", "/healthz").catch(() => undefined);
      return answer?.status === 200;
    });
    const basic = (password: string): Record<string, string> => ({
      authorization: `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`,
    });

    test("sends a challenge with the public URL", async () => {
      const { status, headers } = await ask(port, "GET", "/v2/");
      assert.equal(status, 401);
      assert.match(String(headers["www-authenticate"]), new RegExp(`realm="${publicUrl}/token"`));
    });

    test("takes and serves a blob of 100 MB", async () => {
      const content = randomBytes(100_000_000);
      const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
      const headers = basic(adminPassword);
      const begun = await ask(port, "POST", "/v2/admin/app/blobs/uploads/", { headers });
      assert.equal(begun.status, 202, begun.body);
      const location = new URL(String(begun.headers["location"]), publicUrl);
      assert.equal(location.host, new URL(publicUrl).host);
      location.searchParams.set("digest", digest);
      const target = `${location.pathname}${location.search}`;
      const pushed = await ask(port, "PUT", target, { headers, body: content });
      assert.equal(pushed.status, 201, pushed.body);
      const read = await ask(port, "GET", `/v2/admin/app/blobs/${digest}`, { headers });
      assert.equal(read.status, 200);
      assert.ok(Buffer.from(read.body, "latin1").equals(content));
    });

    test("serves the pages, and a browser signs in with a cookie for https only", async () => {
      const page = await ask(port, "GET", "/");
      assert.equal(page.status, 200);
      assert.match(String(page.headers["content-type"]), /^text\/html/);
      const script = /"(\/assets\/[^"]+\.js)"/.exec(page.body)?.[1] ?? assert.fail(page.body);
      assert.equal((await ask(port, "GET", script)).status, 200);
      const signedIn = await ask(port, "POST", "/api/berth/v1/session", {
        headers: { origin: publicUrl, "content-type": "application/json" },
        body: Buffer.from(JSON.stringify({ username: "admin", password: adminPassword })),
      });
      assert.equal(signedIn.status, 204, signedIn.body);
      assert.match(String(signedIn.headers["set-cookie"]), /^__Host-berth=.*; Secure$/);
    });

    test("locks out only the client that sends wrong passwords, and logs the client's address", async () => {
      let status = 0;
      for (let tries = 0; tries < 60 && status !== 429; tries += 1)
        ({ status } = await ask(port, "GET", "/token", {
          headers: { ...basic(`wrong ${tries}`), "x-forwarded-for": `203.0.113.${tries}` },
          from: "127.0.0.9",
        }));
      assert.equal(status, 429);
      const other = { headers: basic(adminPassword), from: "127.0.0.1" };
      assert.equal((await ask(port, "GET", "/token", other)).status, 200);
      await waitUntil("the log has the client's address", () =>
        berth.said().includes('"peer":"127.0.0.9"'),
      );
      assert.doesNotMatch(berth.said(), /not in trustedProxies/);
    });

    test("answers 404 to /metrics", async () => {
      assert.equal((await ask(port, "GET", "/metrics")).status, 404);
    });
  });
}
