import assert from "node:assert/strict";
import process from "node:process";
import { describe, test, type TestContext } from "node:test";
import fc from "fast-check";
import { berth } from "../cli/support.ts";
import { compareStored } from "../crash/stored.ts";
import { exchange, type Answer } from "./exchange.ts";
import { brokenMessage, requestFor, type FuzzRequest } from "./grammar.ts";
import { faultOf } from "./judge.ts";
import { startProbe } from "./probe.ts";
import { startServer, type FuzzedServer } from "./server.ts";

/*
 * Sends random requests, from a grammar over all routes, for FUZZ_SECONDS. FUZZ_SEED repeats the requests. Their order
 * on the server varies, because eight clients run concurrently.
 */
const seconds = Number(process.env["FUZZ_SECONDS"] ?? 600);
const seed = Number(process.env["FUZZ_SEED"] ?? Date.now() % 2 ** 31);

const batch = 64;
const atOnce = 8;
/** A stall is an answer of /healthz that takes longer than this, and 20 times as long as under simple requests. */
const stallMs = 1_000;
/** The limit for the growth of memory after the first requests. Garbage is collected late under load. */
const growthBytes = 400 * 2 ** 20;
const faultsShown = 10;

const configurations: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "in open mode": { BERTH_AUTH_OPEN: "true" },
  "with accounts": {},
  "with accounts and two workers": { BERTH_WORKERS: "2" },
};

interface Run {
  readonly server: FuzzedServer;
  readonly untilMs: number;
  readonly faults: string[];
  readonly statuses: Map<number, number>;
}

/** A different client address for nearly each request, so that limits per address do not end the run. */
const addressOf = (index: number): string => `127.0.${1 + (index % 200)}.${1 + (index % 250)}`;

const show = ({ bytes }: FuzzRequest): string =>
  JSON.stringify(Buffer.concat(bytes).subarray(0, 1_500).toString("latin1"));

function take({ statuses, server }: Run, answer: Answer | undefined): void {
  const status = answer?.status ?? 0;
  statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const { uploads } = server.known;
  const upload = answer?.headers.get("docker-upload-uuid");
  if (upload !== undefined && !uploads.includes(upload)) uploads.push(upload);
  if (uploads.length > 20) uploads.shift();
}

async function send(run: Run, request: FuzzRequest, index: number): Promise<void> {
  if (run.server.hasEnded()) return;
  try {
    const answer = await exchange(run.server.port, addressOf(index), request);
    take(run, answer);
    const fault = faultOf(request, answer);
    if (fault !== undefined) run.faults.push(`${fault}\n    to ${show(request)}`);
  } catch (error) {
    run.faults.push(`${(error as Error).message}\n    to ${show(request)}`);
  }
}

/** Sends all requests, eight at a time. */
async function sendAll(run: Run, requests: readonly FuzzRequest[], from: number): Promise<void> {
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < requests.length && performance.now() < run.untilMs) {
      const index = next;
      next += 1;
      const request = requests[index];
      if (request !== undefined) await send(run, request, from + index);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, client));
}

const simple = (port: number): FuzzRequest => ({
  ...{ method: "GET", isWhole: true, surface: "any" },
  bytes: [Buffer.from(`GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`)],
});

async function fuzz(t: TestContext, server: FuzzedServer, share: number, start: number) {
  const { port, known } = server;
  const faults: string[] = [];
  const run = { server, faults, statuses: new Map<number, number>(), untilMs: Infinity };
  const probe = startProbe(port);
  t.after(() => probe.close());
  await sendAll(
    run,
    Array.from({ length: 300 }, () => simple(port)),
    0,
  );
  const baselineMs = await probe.worstMs();
  const baselineBytes = server.residentBytes();
  const untilMs = performance.now() + (seconds * 1000) / share;
  let renewAtMs = 0;
  let [sent, worstMs, mostBytes] = [0, 0, 0];
  for (let round = 0; performance.now() < untilMs && !server.hasEnded(); round += 1) {
    if (performance.now() > renewAtMs) {
      await server.renew();
      renewAtMs = performance.now() + 60_000;
    }
    const options = { seed: start + round, numRuns: batch };
    const requests = [
      ...fc.sample(requestFor(known, port), options),
      ...fc.sample(brokenMessage, { ...options, numRuns: 4 }),
    ];
    await sendAll({ ...run, untilMs }, requests, sent);
    sent += requests.length;
    if (server.hasEnded()) break;
    const stalledMs = await probe.worstMs();
    if (stalledMs > stallMs && stalledMs > 20 * baselineMs)
      faults.push(
        `/healthz took ${Math.round(stalledMs)} ms (${Math.round(baselineMs)} ms before) during\n    ${requests.map(show).join("\n    ")}`,
      );
    worstMs = Math.max(worstMs, stalledMs);
    mostBytes = Math.max(mostBytes, server.residentBytes() - baselineBytes);
  }
  const statuses = [...run.statuses].toSorted(([a], [b]) => a - b).map(([one, n]) => `${one}×${n}`);
  t.diagnostic(
    `seed ${seed}: ${sent} requests; ${statuses.join(" ")}; /healthz at most ${Math.round(worstMs)} ms ` +
      `(${Math.round(baselineMs)} ms before); ${Math.round(mostBytes / 2 ** 20)} MiB more memory`,
  );
  return { faults, mostBytes };
}

describe("a server that receives random requests over all routes", () => {
  const names = Object.entries(configurations);
  for (const [index, [name, env]] of names.entries()) {
    test(`${name} sends no unexpected 5xx and only valid error bodies, does not stall, and keeps its folder sound`, async (t) => {
      const server = await startServer(env);
      t.after(() => server.end());
      const { faults, mostBytes } = await fuzz(t, server, names.length, seed + index * 1_000_000);
      const isAlive = !server.hasEnded();
      const { code, log } = await server.end();
      const told = faults.slice(0, faultsShown).join("\n");
      assert.equal(
        faults.length,
        0,
        `${faults.length} faults with seed ${seed}; the first:\n${told}`,
      );
      assert.ok(isAlive, `the process ended by itself: ${log.slice(-3_000)}`);
      assert.equal(code, 0, log.slice(-3_000));
      assert.ok(mostBytes < growthBytes, `memory grew by ${mostBytes} bytes`);
      assert.deepEqual((await compareStored(server.data)).problems, []);
      const check = await berth(["check", "--data", server.data]);
      assert.equal(check.stdout, "no errors\n", check.stderr);
    });
  }
});
