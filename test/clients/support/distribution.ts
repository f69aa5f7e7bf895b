import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { atEnd, createScratch, endProcess, untilReady } from "./scratch.ts";

/**
 * Starts an unmodified `distribution` on an empty folder and a free port. It accepts tokens that are signed with one of
 * the keys in `jwks`. `realm` is the token endpoint in its challenges.
 * @returns `127.0.0.1:PORT`
 */
export async function startDistribution(token: {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** A JWK set as JSON. */
  readonly jwks: string;
}): Promise<string> {
  const folder = createScratch("distribution");
  const jwks = path.join(folder, "jwks.json");
  writeFileSync(jwks, token.jwks);
  const config = {
    version: "0.1",
    log: { level: "info" },
    storage: {
      filesystem: { rootdirectory: path.join(folder, "data") },
      delete: { enabled: true },
    },
    http: { addr: "127.0.0.1:0" },
    auth: { token: { ...token, jwks } },
  };
  const file = path.join(folder, "config.yml");
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config));
  const log = path.join(folder, "registry.log");
  const output = openSync(log, "w");
  const child = spawn("registry", ["serve", file], {
    cwd: folder,
    env: { PATH: process.env["PATH"], OTEL_TRACES_EXPORTER: "none" },
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  const { pid } = child;
  if (pid === undefined) throw new Error("registry could not be started");
  atEnd(async () => void (await endProcess(pid)));
  const listening = /listening on (127\.0\.0\.1:\d+)/;
  await untilReady(child, log, () => listening.test(readFileSync(log, "utf8")));
  return listening.exec(readFileSync(log, "utf8"))?.[1] ?? "";
}
