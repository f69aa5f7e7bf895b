import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { attempt, tool, type Tool } from "./command.ts";
import { atEnd, createScratch, endProcess, untilReady } from "./scratch.ts";

/** The engines under test: Debian's with a graph driver, and a current one with the containerd store. */
export type Engine = "dockerd" | "dockerd-containerd-store";

/** The docker command for an engine, and the engine's socket for other programs. */
export type Docker = Tool & { readonly socket: string };

/**
 * Starts a Docker engine whose folders, socket and containerd are in one scratch folder. It changes no network
 * settings. Resolves with the docker command for it.
 */
export async function startDockerd(
  engine: Engine,
  registryMirrors: readonly string[] = [],
): Promise<Docker> {
  const folder = createScratch(engine);
  const at = (name: string): string => path.join(folder, name);
  const socket = `unix://${at("docker.sock")}`;
  const log = at("dockerd.log");
  const output = openSync(log, "w");
  mkdirSync(at("home"));
  writeFileSync(at("daemon.json"), JSON.stringify({ "registry-mirrors": registryMirrors }));
  const child = spawn(
    engine,
    [
      ...["--host", socket, "--pidfile", at("dockerd.pid"), "--config-file", at("daemon.json")],
      ...["--data-root", at("data"), "--exec-root", at("exec")],
      ...["--bridge", "none", "--iptables=false", "--ip6tables=false"],
      ...["--insecure-registry", "127.0.0.0/8"],
    ],
    {
      cwd: folder,
      // Without this variable the current engine rejects the older docker command.
      env: { PATH: process.env["PATH"], HOME: at("home"), DOCKER_MIN_API_VERSION: "1.24" },
      stdio: ["ignore", output, output],
    },
  );
  closeSync(output);
  let error: Error | undefined;
  child.on("error", (problem) => (error = problem));
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${engine} could not be started`, { cause: error });
  atEnd(async () => {
    if (!(await endProcess(pid))) throw new Error(`${engine} did not end when asked`);
  });

  const settings = { cwd: folder, env: { HOME: at("home") } };
  const first = ["--host", socket, "--config", at("home")];
  await untilReady(child, log, async () => {
    const { code } = await attempt("docker", [...first, "version"], settings);
    return code === 0;
  });
  return Object.assign(tool("docker", { timeoutSeconds: 1_200, ...settings }, first), { socket });
}
