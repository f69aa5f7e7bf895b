import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { request as httpRequest } from "node:http";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { isHubRoute } from "../../src/http/ops/openapi.ts";
import { password } from "../support/closed.ts";
import { everyRoute as routes } from "../support/route-table.ts";
import type { Cost, Question, Reply } from "./server.ts";
import type { World } from "./world.ts";
import { keyOf, special, worstRequests, type WorstRequest } from "./worst-requests.ts";

/** Nothing that a client sends or asks for keeps the event loop longer, or needs more memory. */
const longestMs = 100;
const mostBytes = 100e6;
/** The calibration takes so long on a core of 3 GHz; a slower one has more time for everything. */
const calibratedMs = 20;
/** Other processes may stop the server at any moment, but not each time. */
const tries = 8;

class MeasuredServer {
  readonly #child: ChildProcess;
  port = 0;
  world: World | undefined;
  #slowness = 1;

  constructor() {
    const register = new URL("../support/register.mjs", import.meta.url).href;
    this.#child = fork(fileURLToPath(new URL("./server.ts", import.meta.url)), {
      execArgv: ["--expose-gc", "--max-http-header-size=65536", "--import", register],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
  }

  async ready(): Promise<void> {
    const reply = await this.#heard();
    assert.ok(reply.kind === "ready");
    this.port = reply.port;
    this.world = reply.world;
  }

  /** Until the answer has been read, which is thrown away. */
  async send(method: string, { path, headers = {}, body }: WorstRequest): Promise<number> {
    return new Promise((resolve, reject) => {
      const sent = httpRequest(
        {
          ...{ host: "127.0.0.1", port: this.port, method, path },
          headers: { Authorization: `Basic ${btoa(`mia:${password}`)}`, ...headers },
        },
        (answer) => {
          answer.resume();
          answer.on("end", () => resolve(answer.statusCode ?? 0)).on("error", reject);
        },
      );
      sent.on("error", reject);
      sent.end(body);
    });
  }

  /** The status, and the smallest cost of a few tries of one request. */
  async measure(method: string, request: WorstRequest): Promise<{ status: number; cost: Cost }> {
    let best: Cost = { loopMs: Infinity, cpuMs: Infinity, rssBytes: Infinity };
    let status = 0;
    for (let round = 0; round < tries; round += 1) {
      // What is left of the requests before would be counted, but only where it matters is it worth the time.
      if (round > 0) await this.#ask("collect");
      await this.#ask("reset");
      status = await this.send(method, request);
      const reply = await this.#ask("read");
      assert.ok(reply.kind === "cost");
      const { loopMs, cpuMs, rssBytes } = reply.cost;
      best = {
        loopMs: Math.min(best.loopMs, loopMs),
        cpuMs: Math.min(best.cpuMs, cpuMs),
        rssBytes: Math.min(best.rssBytes, rssBytes),
      };
      if (this.isFine(best)) return { status, cost: best };
      const calibrated = await this.#ask("calibrate");
      assert.ok(calibrated.kind === "calibrated");
      this.#slowness = Math.max(1, calibrated.cpuMs / calibratedMs);
    }
    return { status, cost: best };
  }

  /** A pause of the loop that is longer than its work is one in which another process has had the core. */
  isFine({ loopMs, cpuMs, rssBytes }: Cost): boolean {
    return Math.min(loopMs, cpuMs) <= longestMs * this.#slowness && rssBytes <= mostBytes;
  }

  async end(): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.send("end" satisfies Question);
    await exited;
  }

  #ask(question: Question): Promise<Reply> {
    const reply = this.#heard();
    this.#child.send(question);
    return reply;
  }

  #heard(): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`the server ended (${code})`));
      this.#child.once("exit", onExit);
      this.#child.once("message", (reply: Reply) => {
        this.#child.off("exit", onExit);
        resolve(reply);
      });
    });
  }
}

describe("a hostile user of a registry full of their own content", () => {
  let server: MeasuredServer;
  before(async () => {
    server = new MeasuredServer();
    await server.ready();
  });
  after(() => server.end());

  // Deletions last: the others ask for what they take away.
  const ordered = routes.toSorted(
    (a, b) => Number(a.method === "delete") - Number(b.method === "delete"),
  );
  for (const route of ordered) {
    const key = keyOf(route);
    test(`keeps the event loop for at most 100 ms and takes at most 100 MB with ${key}`, async () => {
      assert.ok(server.world);
      const method = route.method.toUpperCase();
      for (const request of worstRequests(server.world, route)) {
        const { status, cost } = await server.measure(method, request);
        const told = `${request.path.slice(0, 150)} ${JSON.stringify(request.headers ?? {}).slice(0, 100)} ${String(request.body ?? "").slice(0, 100)}: ${status}, ${JSON.stringify(cost)}`;
        if (process.env["BERTH_SHOW_COSTS"] !== undefined) console.log(`${key}\t${told}`);
        assert.ok(status < 500, told);
        assert.ok(server.isFine(cost), told);
      }
    });
  }
});

test("every route without schemas says what its worst requests are", () => {
  for (const route of routes)
    assert.ok(
      isHubRoute(route) || route.schema !== undefined || keyOf(route) in special,
      keyOf(route),
    );
  const known = new Set(routes.map(keyOf));
  for (const key of Object.keys(special)) assert.ok(known.has(key), `${key} is no route`);
});
