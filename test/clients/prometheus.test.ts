import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, copyFileSync, openSync, readFileSync, writeFileSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { isReplicated, startBerth } from "./support/berth.ts";
import { atEnd, createScratch, endProcess, untilReady } from "./support/scratch.ts";

/*
 * A real Prometheus scrapes Berth with deploy/prometheus, evaluates its alert rules and each query of the dashboard. Only
 * the address and the intervals are replaced.
 */

const deploy = path.join(import.meta.dirname, "../../deploy");

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Prometheus {
  /** `data` of an answer of its API; fails if the answer is not a success. */
  readonly ask: (target: string) => Promise<unknown>;
  /** The values of a query by the labels that it keeps, as JSON. */
  readonly query: (expr: string) => Promise<ReadonlyMap<string, number>>;
}

async function startPrometheus(target: string): Promise<Prometheus> {
  const folder = createScratch("prometheus");
  copyFileSync(path.join(deploy, "prometheus/alerts.yml"), path.join(folder, "alerts.yml"));
  const settings = readFileSync(path.join(deploy, "prometheus/prometheus.yml"), "utf8")
    .replace("127.0.0.1:9090", target)
    // A scrape that takes longer than the interval fails, and other tests run beside this one.
    .replace("scrape_interval: 15s", "scrape_interval: 5s")
    .replace("evaluation_interval: 15s", "evaluation_interval: 1s");
  writeFileSync(path.join(folder, "prometheus.yml"), settings);
  const port = await freePort();
  const log = path.join(folder, "log");
  const output = openSync(log, "w");
  const child = spawn(
    "prometheus",
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { cwd: folder, env: { PATH: process.env["PATH"] }, stdio: ["ignore", output, output] },
  );
  closeSync(output);
  const { pid } = child;
  assert.ok(pid, "prometheus could not be started");
  atEnd(async () => void (await endProcess(pid)));
  const url = `http://127.0.0.1:${port}`;
  await untilReady(child, log, async () => {
    const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
    return answer?.status === 200;
  });
  const ask = async (asked: string): Promise<unknown> => {
    const answer = await fetch(`${url}/api/v1/${asked}`);
    const body = (await answer.json()) as { readonly status: string; readonly data: unknown };
    assert.equal(body.status, "success", `${asked}: ${JSON.stringify(body)}`);
    return body.data;
  };
  return {
    ask,
    async query(expr) {
      const data = (await ask(`query?query=${encodeURIComponent(expr)}`)) as {
        readonly result: readonly {
          readonly metric: Readonly<Record<string, string>>;
          readonly value: readonly [number, string];
        }[];
      };
      return new Map(
        data.result.map(({ metric, value: [, text] }) => [JSON.stringify(metric), Number(text)]),
      );
    },
  };
}

async function send(url: string, method: string, body?: Buffer, type = "application/octet-stream") {
  const headers = body === undefined ? {} : { "Content-Type": type };
  const sent = body === undefined ? {} : { body: new Uint8Array(body) };
  const answer = await fetch(url, {
    method,
    headers: { ...headers, Connection: "close" },
    ...sent,
  });
  await answer.arrayBuffer();
  return answer.status;
}

const digestOf = (bytes: Buffer): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Pushes an image, and pulls its manifest `pulls` times. */
async function useRegistry(host: string, pulls: number): Promise<void> {
  const config = Buffer.from("{}");
  const repository = `http://${host}/v2/team/app`;
  const upload = `${repository}/blobs/uploads/?digest=${digestOf(config)}`;
  assert.equal(await send(upload, "POST", config), 201);
  const type = "application/vnd.oci.image.manifest.v1+json";
  const descriptor = { mediaType: "application/vnd.oci.image.config.v1+json", size: 2 };
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: type,
      config: { ...descriptor, digest: digestOf(config) },
      layers: [],
    }),
  );
  assert.equal(await send(`${repository}/manifests/1`, "PUT", manifest, type), 201);
  assert.equal(await send(`${repository}/blobs/${digestOf(config)}`, "GET"), 200);
  for (let times = 0; times < pulls; times += 1)
    assert.equal(await send(`${repository}/manifests/1`, "GET"), 200);
}

async function until(what: string, isDone: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await isDone())) {
    assert.ok(Date.now() < deadline, `${what}: not within 60 s`);
    await pause(500);
  }
}

/** The alerts about the disk and the load of the machine, which other programs use too. They fire after 10 minutes or more. */
const ofMachine = new Set([
  ...["BerthDiskLow", "BerthDiskFullSoon"],
  ...["BerthEventLoopBusy", "BerthSlowManifests"],
]);

// A load balancer hides /metrics; each replica has an address of its own for Prometheus.
if (!isReplicated)
  describe("Prometheus", async () => {
    const berth = await startBerth({ settings: { BERTH_WORKERS: "2" } });
    const prometheus = await startPrometheus(berth.host);

    test("scrapes all worker processes together, without an error and without rejected samples", async () => {
      await useRegistry(berth.host, 20);
      const gets = `berth_http_requests_total{route="/v2/*name/manifests/:reference",method="GET"}`;
      await until("all pulls are scraped", async () => {
        const values = [...(await prometheus.query(gets)).values()];
        return values[0] === 20;
      });
      assert.deepEqual([...(await prometheus.query("berth_processes")).values()], [3]);
      const { activeTargets } = (await prometheus.ask("targets")) as {
        readonly activeTargets: readonly { readonly health: string; readonly lastError: string }[];
      };
      assert.deepEqual(
        activeTargets.map(({ health, lastError }) => ({ health, lastError })),
        [{ health: "up", lastError: "" }],
      );
      const scraped = await prometheus.query("scrape_samples_scraped");
      const kept = await prometheus.query("scrape_samples_post_metric_relabeling");
      assert.deepEqual([...kept.values()], [...scraped.values()]);
    });

    test("evaluates each alert rule without an error, and none of them warns of a healthy registry", async () => {
      interface Rules {
        readonly groups: readonly {
          readonly rules: readonly {
            readonly name: string;
            readonly health: string;
            readonly state: string;
          }[];
        }[];
      }
      const read = async () => ((await prometheus.ask("rules")) as Rules).groups[0]?.rules ?? [];
      await until("all rules are evaluated", async () =>
        (await read()).every(({ health }) => health !== "unknown"),
      );
      const rules = await read();
      assert.ok(rules.length >= 15);
      for (const { name, health, state } of rules) {
        const canWait = ofMachine.has(name) && state === "pending";
        const expected = { name, health: "ok", state: canWait ? "pending" : "inactive" };
        assert.deepEqual({ name, health, state }, expected);
      }
    });

    test("answers each query of the dashboard; only those of what has not happened yet are empty", async () => {
      const { panels } = JSON.parse(
        readFileSync(path.join(deploy, "grafana/berth.json"), "utf8"),
      ) as {
        readonly panels: readonly {
          readonly title: string;
          readonly targets?: readonly { readonly expr: string }[];
        }[];
      };
      const findEmpty = async (): Promise<readonly string[]> => {
        const empty: string[] = [];
        for (const { title, targets = [] } of panels)
          for (const { expr } of targets) {
            const asked = expr.replaceAll("$instance", ".*").replaceAll("$__rate_interval", "1m");
            if ((await prometheus.query(asked)).size === 0) empty.push(title);
          }
        // There is no mirror and no quota.
        return empty.filter(
          (title) => !/upstream|cache|mirror|quota|Bytes per second/i.test(title),
        );
      };
      const expected = [
        ...["Requests with 5xx", "Errors (5xx) by route"],
        // The registry is open.
        ...["Logins per second", "Issued tokens per second"],
        // No collection and no scrub has run.
        ...["Deleted bytes that wait for gc.deleteDelay", "Time since the last run"],
      ];
      // A rate needs two scrapes.
      let empty: readonly string[] = [];
      await until("no other query is empty", async () => {
        empty = [...new Set(await findEmpty())];
        return empty.every((title) => expected.includes(title));
      });
      assert.deepEqual(new Set(empty), new Set(expected));
    });
  });
