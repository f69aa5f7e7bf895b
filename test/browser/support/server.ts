import { spawn, type ChildProcess } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { run } from "../../clients/support/command.ts";
import { createScratch } from "../../clients/support/scratch.ts";
import { passwordClient, type Client } from "./content.ts";

export const adminPassword = "correct-horse-1";

export interface Server {
  readonly url: string;
  readonly port: number;
  readonly data: string;
  /** The administrator as a client of the registry. */
  readonly admin: Client;
  /** Asks the API as a user with the password, `admin` by default. Throws for a status from 400 on. */
  api(method: string, path: string, body?: unknown, user?: string): Promise<unknown>;
  /** Runs `berth` on the data folder beside the server, with a text on the standard input. */
  berth(args: readonly string[], input?: string): Promise<unknown>;
  /** Ends the process with SIGKILL. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const program = path.join(import.meta.dirname, "../../../dist/main.js");

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts the built program on a new data folder, as `npm start` does. */
export async function startServer(
  settings: { readonly config?: object; readonly data?: string } = {},
): Promise<Server> {
  const port = await freePort();
  const folder = createScratch("server");
  const data = settings.data ?? path.join(folder, "data");
  const config = path.join(folder, "berth.yaml");
  // JSON is YAML.
  writeFileSync(config, JSON.stringify(settings.config ?? {}));
  const url = `http://127.0.0.1:${port}`;
  const admin = passwordClient(url, "admin", adminPassword);
  let child: ChildProcess | undefined;

  const end = async (signal: NodeJS.Signals) => {
    const running = child;
    if (running === undefined || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    running.kill(signal);
    await ended;
  };

  const start = async () => {
    child = spawn(
      process.execPath,
      [program, "serve", "--data", data, "--listen", `127.0.0.1:${port}`, "--config", config],
      {
        env: { PATH: process.env["PATH"], BERTH_AUTH_ADMIN_PASSWORD: adminPassword },
        stdio: "ignore",
      },
    );
    for (let turn = 0; turn < 200; turn += 1) {
      const isUp = await fetch(`${url}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isUp) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await end("SIGKILL");
    throw new Error("the server did not start");
  };
  await start();
  return {
    ...{ url, port, data, admin, start },
    async api(method, route, body, user = "admin") {
      const { authorization = "" } = passwordClient(url, user, adminPassword);
      const response = await fetch(url + route, {
        method,
        headers: { authorization, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (response.status >= 400) throw new Error(`${method} ${route}: ${response.status} ${text}`);
      return text === "" ? undefined : JSON.parse(text);
    },
    berth: (args, input) =>
      run(process.execPath, [program, ...args, "--data", data], {
        ...(input === undefined ? {} : { input }),
      }),
    kill: () => end("SIGKILL"),
    async stop() {
      await end("SIGTERM");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
