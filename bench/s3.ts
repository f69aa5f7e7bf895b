/**
 * Compares Berth with distribution. Both store blobs in the same S3 server, without redirects, over https or, with
 * `--http`, over http. See README.md. The S3 server uses the same cores.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { createBerth } from "./servers/berth.ts";
import { createCertificate } from "./servers/certificate.ts";
import { find } from "./servers/choose.ts";
import { createDistribution } from "./servers/peers.ts";
import { startServer, type RunningServer, type Server } from "./servers/program.ts";
import { s3Access, startVersitygw } from "./servers/versitygw.ts";
import { memoryOf } from "./support/processes.ts";
import { medianOf, formatTable, inMiB, MiB } from "./support/table.ts";
import { seed } from "./workload/seeded.ts";
import type { Scale } from "./workload/work.ts";
import { works } from "./workload/works.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    folder: { type: "string", default: tmpdir() },
    http: { type: "boolean", default: false },
    /** The names of workloads, separated by commas. */
    only: {
      type: "string",
      default: "large-put,large-patch,push-spread,push-patch,blob-large,pull",
    },
    /** Additional storage.s3 settings for Berth in the form of environment variables: `CONCURRENCY=8`. */
    set: { type: "string", multiple: true, default: [] },
    node: { type: "string", multiple: true, default: [] },
  },
});

const scale: Scale = { seconds: 3, images: 200, largeBytes: 512 * MiB, clients: 50 };
const musts: Readonly<Record<string, number>> = { "blob-large": 1, pull: 1 };
const mustPush = 1.2;

const root = mkdtempSync(path.join(options.folder, "berth-bench-s3-"));
const createFolder = (name: string): string => mkdtempSync(path.join(root, `${name}-`));
const installed = (name: string): string => {
  const file = find(name);
  if (file === undefined) throw new Error(`${name} is not installed`);
  return file;
};

const { bucket, accessKeyId, secretAccessKey } = s3Access;
const tls = options.http ? undefined : createCertificate(createFolder("certificate"));
const s3 = await startVersitygw(installed("versitygw"), createFolder("s3"), tls);
const servers: readonly Server[] = [
  createBerth({
    programFolder: createFolder("program"),
    nodeOptions: options.node,
    serveOptions: [],
    env: {
      ...(tls && { NODE_EXTRA_CA_CERTS: tls.certificate }),
      BERTH_STORAGE_DRIVER: "s3",
      BERTH_STORAGE_S3_BUCKET: bucket,
      BERTH_STORAGE_S3_PREFIX: "berth",
      BERTH_STORAGE_S3_ENDPOINT: s3.endpoint,
      BERTH_STORAGE_S3_FORCE_PATH_STYLE: "true",
      BERTH_STORAGE_S3_ACCESS_KEY_ID: accessKeyId,
      BERTH_STORAGE_S3_SECRET_ACCESS_KEY: secretAccessKey,
      ...Object.fromEntries(
        options.set.map((text) => {
          const [name = "", value = ""] = text.split("=");
          return [`BERTH_STORAGE_S3_${name}`, value];
        }),
      ),
    },
  }),
  createDistribution(installed("registry"), {
    env: tls && { SSL_CERT_FILE: tls.certificate },
    storage: `  s3:
    region: us-east-1
    regionendpoint: ${s3.endpoint}
    forcepathstyle: true
    secure: ${tls !== undefined}
    accesskey: ${accessKeyId}
    secretkey: ${secretAccessKey}
    bucket: ${bucket}
    rootdirectory: /distribution
  redirect:
    disable: true`,
  }),
];

const running: RunningServer[] = [];
const values = new Map<string, number[]>();
let failed = false;
try {
  for (const server of servers) {
    const folder = createFolder(server.name);
    const started = await startServer(server, folder);
    running.push(started);
    await seed({ server, running: started }, folder);
  }
  const chosen = works.filter(({ name }) => options.only.split(",").includes(name));
  let turns = 0;
  for (let round = 0; round < Number(options.rounds); round += 1) {
    for (const work of chosen) {
      for (const [index, server] of servers.entries()) {
        const started = running[index];
        if (started === undefined) continue;
        turns += 1;
        const place = { server, running: started, scale, turn: `s3-${turns}` };
        const { value, failures } = await work.measure({
          ...place,
          createFolder: () => createFolder("turn"),
        });
        failed ||= failures.length > 0;
        const key = `${work.name} ${server.name}`;
        values.set(key, [...(values.get(key) ?? []), value]);
        console.error(`${key}: ${value.toPrecision(4)} ${work.unit} ${failures[0] ?? ""}`);
      }
    }
  }
  const rows = chosen.map(({ name, title, unit }) => {
    const [berth, distribution] = ["berth", "distribution"].map((server) =>
      medianOf(values.get(`${name} ${server}`) ?? []),
    );
    const ratio = (berth ?? NaN) / (distribution ?? NaN);
    const must = musts[name] ?? mustPush;
    const show = (value = NaN): string =>
      unit === "B/s" ? `${(value / 1e6).toFixed(0)} MB/s` : `${value.toFixed(0)} ${unit}`;
    if (!(ratio >= must)) failed = true;
    return [
      title.replace("200 clients", `${scale.clients} clients`),
      show(berth),
      show(distribution),
      `${ratio.toFixed(2)}×`,
      `≥ ${must}: ${ratio >= must ? "yes" : "**no**"}`,
    ];
  });
  const peaks = running.map(({ pid }) => inMiB(memoryOf(pid, "VmHWM")));
  rows.push(["RSS peak over the run", ...peaks, "", ""]);
  console.log(formatTable(["work", "berth", "distribution", "ratio", "must"], rows));
} finally {
  for (const server of running) await server.stop();
  await s3.stop();
  rmSync(root, { recursive: true, force: true });
}
if (failed) process.exitCode = 1;
