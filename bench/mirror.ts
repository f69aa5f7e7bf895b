import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { randomBytes } from "node:crypto";
import { pushImage, startDistribution } from "../test/support/distribution.ts";
import { startFaultyProxy } from "../test/support/faulty-proxy.ts";
import { createZot } from "./servers/peers.ts";
import { startServer } from "./servers/program.ts";
import { runHerd, type HerdResult } from "./client/concurrent-clients.ts";

/*
 * `node --import ./test/support/register.mjs bench/mirror.ts [clients] [zot]`: clients pull an image of four layers of
 * 4 MB through Berth and through distribution as pull-through caches. The upstream is a distribution that sends blobs
 * at 20 MB/s. First one client pulls (median of 9), then many concurrent clients, with a cold and a warm cache. The
 * line "herd" is the ratio of the cold time to the warm time plus 1.5 times the time of one client: the median, the
 * minimum and the maximum of the rounds. Needs the program `registry` and a build.
 */

const clients = Number(process.argv[2] ?? 300);
const MB = 1_000_000;
const folder = mkdtempSync(path.join(tmpdir(), "berth-mirror-"));
const upstream = await startDistribution(path.join(folder, "upstream"));
const proxy = await startFaultyProxy(upstream.port);
proxy.rate(20 * MB);

async function startBerth(data: string): Promise<{ port: number; stop(): Promise<void> }> {
  const mirror = {
    namespace: "docker.io",
    upstream: proxy.url,
    visibility: "public",
    root: true,
    allowPrivateNetwork: true,
  };
  const args = ["dist/main.js", "serve", "--open", "--data", data, "--listen", "127.0.0.1:0"];
  const env = { ...process.env, BERTH_MIRRORS: JSON.stringify([mirror]) };
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "close");
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  while (!/127\.0\.0\.1:\d+/.test(text)) await once(child.stdout, "data");
  return {
    port: Number(/127\.0\.0\.1:(\d+)/.exec(text)?.[1]),
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

const newImage = (name: string, layerBytes = 4 * MB) =>
  pushImage(
    upstream.url,
    `library/${name}`,
    "1",
    Array.from({ length: 4 }, () => randomBytes(layerBytes)),
  );

const rounds = 9;
const warmUps = 20;
/** Rounds of concurrent clients. Each round pulls a new image, cold and then warm. The output has the medians. */
const herds = 7;

const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** The median of each figure over several runs. */
function medianOf(runs: readonly HerdResult[]): HerdResult {
  return {
    failures: runs.flatMap(({ failures }) => failures),
    ms: middle(runs.map(({ ms }) => ms)),
    firstByteMs: middle(runs.map(({ firstByteMs }) => firstByteMs)),
  };
}

async function measure(server: string, port: number): Promise<void> {
  const line = (what: string, result: Awaited<ReturnType<typeof runHerd>>): void => {
    const requests = `${proxy.count("GET")} GET ${proxy.count("HEAD")} HEAD`;
    const ms = `${Math.round(result.ms)} ms`;
    const first = `${Math.round(result.firstByteMs)} ms`;
    console.log(
      [
        server.padEnd(13),
        what.padEnd(18),
        ms.padStart(9),
        first.padStart(9),
        `${result.failures.length} failed`,
        requests,
      ].join("  "),
    );
    proxy.reset();
  };
  const pull = (count: number, name: string, image: Awaited<ReturnType<typeof newImage>>) =>
    runHerd(count, {
      ...{ port, name: `library/${name}`, tag: "1" },
      ...{ blobs: image.digests, bytes: image.bytes },
    });
  // The warm-up excludes the slow first requests of a new process.
  for (let round = 0; round < warmUps; round += 1) {
    const name = `${server}-warm-up-${round}`;
    await pull(1, name, await newImage(name, 100_000));
  }
  const first = `${server}-first-herd`;
  await pull(clients, first, await newImage(first));
  const single = async (what: string): Promise<void> => {
    const [straight, through]: [HerdResult[], HerdResult[]] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      const [direct, one] = [`${server}-direct${what}-${round}`, `${server}-one${what}-${round}`];
      const there = await newImage(direct);
      straight.push(
        await runHerd(1, {
          ...{ port: proxy.port, name: `library/${direct}`, tag: "1" },
          ...{ blobs: there.digests, bytes: there.bytes },
        }),
      );
      through.push(await pull(1, one, await newImage(one)));
    }
    proxy.reset();
    line(`upstream itself${what}`, medianOf(straight));
    line(`cold, 1 client${what}`, medianOf(through));
  };
  await single("");
  // The latency of a registry on another machine.
  proxy.distance(20);
  await single("-20ms");
  proxy.distance(0);
  const many = await newImage(`${server}-straight`);
  const straight = await runHerd(clients, {
    ...{ port: proxy.port, name: `library/${server}-straight`, tag: "1" },
    ...{ blobs: many.digests, bytes: many.bytes },
  });
  proxy.reset();
  line(`upstream, ${clients} clients`, straight);
  const [cold, warm]: [HerdResult[], HerdResult[]] = [[], []];
  const ratios: number[] = [];
  for (let round = 1; round <= herds; round += 1) {
    const [alone, name] = [`${server}-alone-${round}`, `${server}-many-${round}`];
    const one = await pull(1, alone, await newImage(alone));
    const image = await newImage(name);
    proxy.reset();
    const now = await pull(clients, name, image);
    cold.push(now);
    if (round === herds) line(`cold, ${clients} clients`, medianOf(cold));
    const again = await pull(clients, name, image);
    warm.push(again);
    if (round === herds) line(`warm, ${clients} clients`, medianOf(warm));
    ratios.push(now.ms / (again.ms + 1.5 * one.ms));
  }
  const ratio = [middle(ratios), Math.min(...ratios), Math.max(...ratios)];
  const [usual, least, most] = ratio.map((value) => value.toFixed(2));
  console.log(
    `${server.padEnd(13)}  herd, cold / (warm + 1.5 x one)  ${usual} (${least} to ${most})`,
  );
}

console.log("server         what                     whole  1st byte  failures  upstream");
const berth = await startBerth(path.join(folder, "berth"));
await measure("berth", berth.port);
await berth.stop();
const distribution = await startDistribution(path.join(folder, "distribution"), proxy.url);
await measure("distribution", distribution.port);
await distribution.stop();
const zotProgram = process.argv[3];
if (zotProgram !== undefined) {
  const registry = { urls: [proxy.url], onDemand: true, tlsVerify: false };
  const sync = { enable: true, registries: [{ ...registry, content: [{ prefix: "**" }] }] };
  const home = path.join(folder, "zot");
  mkdirSync(home);
  const zot = await startServer(createZot(zotProgram, { sync }), home);
  await measure("zot", Number(zot.host.split(":")[1]));
  await zot.stop();
}
await proxy.close();
await upstream.stop();
rmSync(folder, { recursive: true });
