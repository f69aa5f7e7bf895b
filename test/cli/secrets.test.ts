import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";
import { connect } from "../server/support.ts";
import { contentOf, databaseSettings, tablesOf } from "../support/database.ts";
import { isPostgresTested } from "../support/postgres.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { berth, launch } from "./support.ts";

/*
 * Sends known secrets to a server in valid and invalid requests. Then searches the log, the responses, the data folder
 * and the processes of the server for these secrets.
 */
const adminPassword = "canary-of-the-administrator";
const userPassword = "canary-of-a-user";
const wrongPassword = "canary-that-is-wrong";

/** The encodings in which a secret can appear. */
function disguises(name: string, secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  const pair = Buffer.from(`${name}:${secret}`).toString("base64").replace(/=+$/, "");
  const base64 = bytes.toString("base64").replace(/=+$/, "");
  // The last one is JSON of a Buffer.
  return [secret, bytes.toString("hex"), base64, pair, [...bytes].join(",")];
}

interface Sent {
  readonly method?: string;
  readonly body?: string | URLSearchParams;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The child processes of `pid`, recursively, with their command lines and environments from /proc. */
function processesBelow(pid: number): readonly { commandLine: string; environment: string }[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return children.split(" ").flatMap((child) => {
    if (child === "") return [];
    const [commandLine, environment] = ["cmdline", "environ"].map((file) =>
      readFileSync(`/proc/${child}/${file}`, "utf8"),
    );
    const own = { commandLine: commandLine ?? "", environment: environment ?? "" };
    return [own, ...processesBelow(Number(child))];
  });
}

describe(
  "a secret",
  { skip: existsSync("/proc/self/environ") ? false : "needs /proc" },
  async () => {
    const data = path.join(temporaryFolder(), "data");
    const args = ["serve", "--data", data, "--listen", "127.0.0.1:0"];
    const running = await launch(args, {
      BERTH_AUTH_ADMIN_PASSWORD: adminPassword,
      BERTH_LOG_LEVEL: "trace",
      BERTH_WORKERS: "2",
    });
    after(() => running.child.kill("SIGKILL"));
    let log = "";
    running.child.stderr?.on("data", (text: string) => (log += text));
    const welcome = await running.until("docker push");
    const url = /listens on (http:\/\/\S+)/.exec(welcome)?.[1] ?? "";
    const answers: string[] = [];
    const secrets = new Map<string, readonly string[]>();
    const keep = (name: string, secret: string): string => {
      secrets.set(secret, disguises(name, secret));
      return secret;
    };

    const cli = async (words: string, input?: string): Promise<string> => {
      const { code, stdout, stderr } = await berth(
        [...words.split(" "), "--data", data],
        {},
        input,
      );
      assert.equal(code, 0, stderr);
      return stdout.trim();
    };
    const basic = (name: string, secret: string): string =>
      `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;
    const ask = async (target: string, authorization?: string, init: Sent = {}) => {
      const headers = { ...(authorization === undefined ? {} : { authorization }) };
      const answer = await fetch(`${url}${target}`, {
        redirect: "manual",
        ...init,
        headers: { ...headers, ...init.headers },
      });
      const body = await answer.text();
      const isToken = target.startsWith("/token") && answer.status === 200;
      answers.push(JSON.stringify([...answer.headers]), isToken ? "" : body);
      return { status: answer.status, body };
    };
    const tokenFor = async (name: string, secret: string): Promise<string> => {
      const { status, body } = await ask(
        "/token?scope=repository:mia/app:pull,push",
        basic(name, secret),
      );
      assert.equal(status, 200, body);
      const { token } = JSON.parse(body) as { token: string };
      return keep("bearer", token);
    };

    keep("admin", adminPassword);
    const { "auth.keySecret": keySecret } = await databaseSettings(data);
    if (keySecret !== undefined) keep("key", keySecret);
    keep("mia", wrongPassword);
    await cli("user add mia", `${keep("mia", userPassword)}\n`);
    await cli("org add team --owner mia");
    const personal = keep("mia", await cli("token create mia --label ci --scope repo:admin"));
    const robot = keep("team", await cli("token create team --label ci --resource team/*=push"));
    const mistyped = keep("mia", `${personal.slice(0, -1)}${personal.endsWith("x") ? "y" : "x"}`);

    const bearers = [];
    for (const [name, secret] of [
      ["admin", adminPassword],
      ["mia", userPassword],
      ["mia", personal],
      ["team", robot],
    ] as const) {
      bearers.push(await tokenFor(name, secret));
      await ask("/v2/", basic(name, secret));
      await ask("/v2/mia/app/tags/list", basic(name, secret));
      await ask("/v2/nobody/app/blobs/uploads/", basic(name, secret), { method: "POST" });
    }
    // This login comes before the wrong ones, because many failed logins delay this address.
    await cli(`user password mia`, `${keep("mia", "canary-of-another-day")}\n`);
    await tokenFor("mia", "canary-of-another-day");
    for (const secret of [wrongPassword, mistyped]) {
      assert.equal((await ask("/token", basic("mia", secret))).status, 401);
      assert.equal((await ask("/v2/", basic("mia", secret))).status, 401);
    }
    for (const secret of secrets.keys()) {
      const form = {
        grant_type: "password",
        service: "berth",
        client_id: "x",
        username: "mia",
        password: secret,
      };
      const post = {
        method: "POST",
        body: new URLSearchParams({ ...form, refresh_token: secret }),
      };
      await ask("/token", undefined, post);
      await ask("/token", undefined, { method: "POST", body: JSON.stringify(form) });
      await ask(`/token?account=mia&password=${secret}&refresh_token=${secret}`);
      await ask(`/v2/?access_token=${secret}&token=${secret}`);
      await ask("/v2/", `Bearer ${secret}`);
      await ask("/v2/", secret);
      await ask("/v2/", undefined, {
        headers: {
          Cookie: `token=${secret}`,
          "X-Registry-Auth": secret,
          "Proxy-Authorization": secret,
        },
      });
      const { host, port } = new URL(url);
      for (const lines of [
        [`GET http://mia:${secret}@${host}/v2/ HTTP/1.1`, `Host: ${host}`],
        [`GET /v2/ HTTP/1.1`, `Host: mia:${secret}@${host}`],
        [`GET /v2/ HTTP/1.1`, `Host: ${host}`, `Authorization: Bearer ${secret}`, `Host: ${host}`],
        [`GET /v2/ HTTP/1.1`, `Host: ${host}`, `Authorization : Basic ${secret}`],
        [`GET /v2/ HTTP/1.1`, `Host: ${host}`, `Authorization: ${secret.repeat(10_000)}`],
        [
          `GET /v2/ HTTP/1.1`,
          `Host: ${host}`,
          `Authorization: Bearer ${secret}`,
          "Broken\u0000: x",
        ],
      ])
        answers.push(
          await (
            await connect(Number(port), [...lines, "Connection: close", "", ""].join("\r\n"))
          ).all(),
        );
    }
    for (const token of bearers) {
      const authorization = `Bearer ${token}`;
      await ask("/v2/mia/app/blobs/uploads/?digest=sha256:0", authorization, {
        method: "POST",
        body: "x",
      });
      await ask("/v2/mia/app/manifests/1", authorization, { method: "PUT", body: "{" });
      await ask("/v2/mia/app/manifests/1", authorization);
    }
    // Database errors are logged with all their details.
    const tables = await tablesOf(data);
    await tables.exec(
      "ALTER TABLE accounts RENAME TO gone; ALTER TABLE access_tokens RENAME TO lost",
    );
    for (const secret of [userPassword, personal])
      assert.equal((await ask("/token", basic("mia", secret))).status, 503);
    assert.equal((await ask("/v2/", basic("team", robot))).status, 503);
    await tables.exec(
      "ALTER TABLE gone RENAME TO accounts; ALTER TABLE lost RENAME TO access_tokens",
    );
    const workers = processesBelow(running.child.pid ?? 0);
    const ownCommandLine = readFileSync(`/proc/${running.child.pid}/cmdline`, "utf8");

    const isNowhereIn = (text: string, where: string): void => {
      for (const [secret, looks] of secrets)
        for (const look of looks) assert.ok(!text.includes(look), `${secret} is in ${where}`);
    };

    test("is not in the log at level trace, and not in the startup banner", () => {
      assert.match(log, /"status":401/);
      assert.match(log, isPostgresTested ? /relation .* does not exist/ : /no such table/);
      isNowhereIn(log, "the log");
      isNowhereIn(welcome, "the welcome");
    });

    test("is not in any response, including error responses", () => {
      assert.ok(answers.join("").includes("UNAUTHORIZED"));
      isNowhereIn(answers.join("\n"), "an answer");
    });

    test("is not in the database, and not in any file of the data folder", async () => {
      const content = await contentOf(data);
      assert.ok(content.includes("user.access_token.create"));
      isNowhereIn(content, "the database");
      const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) =>
        entry.isFile(),
      );
      assert.equal(
        files.some(({ name }) => name === "berth.db-wal"),
        !isPostgresTested,
      );
      for (const { parentPath, name } of files) {
        const file = path.join(parentPath, name);
        isNowhereIn(readFileSync(file, "latin1"), file);
      }
    });

    test("is not in any command line, and not in the environment of a worker process", () => {
      assert.equal(workers.length >= 2, true);
      isNowhereIn(ownCommandLine, "the command line");
      for (const { commandLine, environment } of workers) {
        assert.match(environment, /BERTH_LOG_LEVEL=trace/);
        isNowhereIn(commandLine + environment, "a worker");
      }
    });
  },
);
