import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { startBerth } from "../test/support/berth.ts";
import { pushImage, startDistribution } from "../test/support/distribution.ts";
import { startFaultyProxy, type Fault } from "../test/support/faulty-proxy.ts";

/*
 * `node --import ./test/support/register.mjs bench/mirror-faults.ts`: prints the responses of a mirror and their times
 * while the upstream (distribution behind a faulty proxy) fails. It pulls a cached image whose tag must be checked
 * again, and an image that is not cached. Then it checks that the next pull without a fault is correct. Needs the
 * program `registry`.
 */

const folder = mkdtempSync(path.join(tmpdir(), "berth-faults-"));
const upstream = await startDistribution(path.join(folder, "upstream"));
const proxy = await startFaultyProxy(upstream.port);
const mirror = {
  ...{ namespace: "docker.io", upstream: proxy.url, visibility: "public", root: true },
  ...{ allowPrivateNetwork: true, idle: "5s", ttl: { tag: "0s", missing: "0s" } },
};
const faults: Readonly<Record<string, Fault>> = {
  "429": { kind: "status", status: 429, headers: { "Retry-After": "7" } },
  "500": { kind: "status", status: 500 },
  hangs: { kind: "hang" },
  HTML: { kind: "html" },
  corrupt: { kind: "corrupt" },
  "cut at byte 0": { kind: "cut", atByte: 0 },
  "cut at byte 100": { kind: "cut", atByte: 100 },
};

/** Returns the status or the error of the response, and its duration in seconds. */
async function ask(url: string, expected?: Uint8Array): Promise<string> {
  const startedAt = performance.now();
  const said = await fetch(url)
    .then(async (answer) => {
      const bytes = Buffer.from(await answer.arrayBuffer());
      if (answer.status !== 200) return String(answer.status);
      return expected === undefined || bytes.equals(expected) ? "ok" : "WRONG BYTES";
    })
    .catch(() => "reset");
  return `${said} ${((performance.now() - startedAt) / 1000).toFixed(2)} s`;
}

const columns = ["cached tag", "cached blob", "absent tag", "absent blob", "next pull"];
console.log(["fault".padEnd(16), ...columns.map((name) => name.padEnd(14))].join(""));
for (const [name, fault] of Object.entries(faults)) {
  const berth = await startBerth(mkdtempSync(path.join(folder, "data-")), {
    mirrors: JSON.stringify([mirror]),
  });
  const at = (rest: string): string => `http://127.0.0.1:${berth.port}/v2/library/${rest}`;
  const tell = name.replaceAll(/\W/g, "").toLowerCase();
  const layers = [randomBytes(200_000), randomBytes(200_000)];
  const cached = await pushImage(upstream.url, `library/here${tell}`, "1", layers.slice(0, 1));
  const absent = await pushImage(upstream.url, `library/absent${tell}`, "1", layers.slice(1));
  await ask(at(`here${tell}/manifests/1`));
  const [here, other] = [cached.digests[1], absent.digests[1]];
  while (
    !(await fetch(at(`here${tell}/blobs/${here}`)).then((answer) =>
      answer.text().then(() => answer.headers.get("cache-status") === "Berth; hit"),
    ))
  )
    continue;
  proxy.fail(fault);
  const cells = [
    await ask(at(`here${tell}/manifests/1`), cached.manifest),
    await ask(at(`here${tell}/blobs/${here}`), layers[0]),
    await ask(at(`absent${tell}/manifests/1`)),
    await ask(at(`absent${tell}/blobs/${other}`)),
  ];
  proxy.fail(undefined);
  await berth.restart();
  cells.push(await ask(at(`absent${tell}/blobs/${other}`), layers[1]));
  console.log([name.padEnd(16), ...cells.map((cell) => cell.padEnd(14))].join(""));
  await berth.close();
}
await proxy.close();
await upstream.stop();
rmSync(folder, { recursive: true });
process.exit(0);
