import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import process from "node:process";
import sqliteOnly from "../../sqlite-only.json" with { type: "json" };
import { run } from "./command.ts";
import { createRegistryReader, type RegistryReader } from "./registry-reader.ts";
import { startCluster } from "../../replicas/support/cluster.ts";
import { atEnd, createScratch, endProcess, untilReady } from "./scratch.ts";

const program = path.join(import.meta.dirname, "../../../dist/main.js");
const listening = /listens on https?:\/\/(127(?:\.\d+){3}:\d+)/;

export type Berth = RegistryReader & {
  /** `127.0.0.1:PORT`, the first part of image names. */
  host: string;
  /** The output and the log of the server. */
  said(): string;
  /** Runs `berth ARGS` on its data folder, with `input` on the standard input. Resolves with the output. */
  administer(args: readonly string[], input?: string): Promise<string>;
};

/** The password of the administrator of a Berth with accounts. */
export const adminPassword = "correct horse battery";

/** Whether each Berth is two replicas behind HAProxy, as in `npm run replicas-conformance -- clients`. */
export const isReplicated = process.env["BERTH_CLIENTS_REPLICAS"] !== undefined;

/** A test that does not hold with replicas. `test/sqlite-only.json` has its name and the reason. */
export function testOnOneServer(name: string, body: () => Promise<void>): void {
  assert.ok(name in sqliteOnly.clients, `${name} is not in test/sqlite-only.json`);
  if (!isReplicated) test(name, body);
}

interface Options {
  readonly sparse?: boolean;
  /** `false`: with accounts. The administrator `admin` has {@link adminPassword}. */
  readonly open?: boolean;
  /** The administrator has no password until the test sets {@link adminPassword}. */
  readonly unset?: boolean;
  /** The address to listen on. The default is a free loopback port. */
  readonly listen?: string;
  /** More settings, as environment variables. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** The storage settings of `npm run s3`, with a separate prefix for each server. */
function storageOf(folder: string): Record<string, string> {
  const given = Object.entries(process.env).flatMap(([name, value]) =>
    name.startsWith("BERTH_STORAGE_") && value !== undefined ? [[name, value] as const] : [],
  );
  if (given.length === 0) return {};
  return { ...Object.fromEntries(given), BERTH_STORAGE_S3_PREFIX: path.basename(folder) };
}

/**
 * Starts a Berth on an empty data folder and a free port. It is stopped after the last test of the file.
 * `REGISTRY=host:port` in the environment replaces it by another registry, to compare a failure. With
 * `BERTH_CLIENTS_REPLICAS=2` it is two replicas on PostgreSQL and S3 behind HAProxy.
 */
export async function startBerth(options: Options = {}): Promise<Berth> {
  const { sparse = false, open = true, unset = false, listen = "127.0.0.1:0" } = options;
  const { settings = {} } = options;
  const other = process.env["REGISTRY"];
  if (other !== undefined && other !== "") {
    const administer = (): never => assert.fail("another registry has no accounts of Berth");
    return { host: other, said: () => "", administer, ...createRegistryReader(other) };
  }

  if (isReplicated) return await startReplicas(options);

  const folder = createScratch("berth");
  const data = path.join(folder, "data");
  const log = path.join(folder, "berth.log");
  const output = openSync(log, "w");
  const child = spawn(process.execPath, [program, "serve", "--data", data, "--listen", listen], {
    cwd: folder,
    env: {
      ...{ PATH: process.env["PATH"], BERTH_SPARSE: String(sparse) },
      ...storageOf(folder),
      ...(open ? { BERTH_AUTH_OPEN: "true" } : {}),
      ...(open || unset ? {} : { BERTH_AUTH_ADMIN_PASSWORD: adminPassword }),
      ...settings,
    },
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  const pid = child.pid;
  if (pid === undefined) throw new Error("node could not be started");
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  atEnd(async () => {
    const asked = await endProcess(pid, { waitSeconds: 40 });
    if (!asked) throw new Error(`Berth ignored SIGTERM:\n${readFileSync(log, "utf8")}`);
    await ended;
    if (child.exitCode !== 0) {
      throw new Error(`Berth ended with ${child.exitCode}:\n${readFileSync(log, "utf8")}`);
    }
  });
  const said = (): string => readFileSync(log, "utf8");
  await untilReady(child, log, () => listening.test(said()));
  const host = listening.exec(said())?.[1] ?? "";
  return {
    host,
    said,
    async administer(args, input = "") {
      const berth = [program, ...args, "--data", data];
      return (
        await run(process.execPath, berth, {
          cwd: folder,
          input,
          env: { ...storageOf(folder), ...settings },
        })
      ).stdout;
    },
    ...createRegistryReader(host, open ? undefined : `admin:${adminPassword}`),
  };
}

/** Starts replicas behind HAProxy, which sends each request to the next replica. HAProxy has the certificate of Berth. */
async function startReplicas({
  sparse = false,
  open = true,
  unset = false,
  listen = "127.0.0.1:0",
  settings = {},
}: Options): Promise<Berth> {
  const port = Number(listen.split(":").at(-1));
  const { BERTH_TLS_CERT: certificate, BERTH_TLS_KEY: key, ...others } = settings;
  const cluster = await startCluster({
    replicas: Number(process.env["BERTH_CLIENTS_REPLICAS"]),
    host: listen.slice(0, listen.lastIndexOf(":")),
    ...(port === 0 ? {} : { port }),
    ...(certificate !== undefined && key !== undefined && { tls: { certificate, key } }),
    env: {
      BERTH_SPARSE: String(sparse),
      BERTH_AUTH_OPEN: String(open),
      BERTH_AUTH_ADMIN_PASSWORD: open || unset ? undefined : adminPassword,
      ...others,
    },
  });
  const { host } = new URL(cluster.balancer.url);
  // Lines that one replica logs later come after those that another one has logged.
  let said = "";
  const seen = cluster.replicas.map(() => 0);
  return {
    host,
    said() {
      for (const [index, replica] of cluster.replicas.entries()) {
        const log = replica.log();
        said += log.slice(seen[index]);
        seen[index] = log.length;
      }
      return said;
    },
    administer: (args, input) => cluster.administer(args, input),
    ...createRegistryReader(host, open ? undefined : `admin:${adminPassword}`),
  };
}
