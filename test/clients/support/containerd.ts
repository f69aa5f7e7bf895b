import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { attempt, tool, type Tool } from "./command.ts";
import { atEnd, createScratch, endProcess, untilReady } from "./scratch.ts";

export type Containerd = {
  ctr: Tool;
  /**
   * Creates a folder with a `hosts.toml` that maps `registryName` to `host` over plain HTTP, with the header
   * `authorization` if given.
   */
  hostsFor: (registryName: string, host: string, authorization?: string) => string;
};

// A namespace must not use the content that another namespace downloaded.
const config = `version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[plugins."io.containerd.metadata.v1.bolt"]
content_sharing_policy = "isolated"
`;

/** Starts a containerd whose folders, socket and configuration are in one scratch folder. */
export async function startContainerd(): Promise<Containerd> {
  const folder = createScratch("containerd");
  const at = (...parts: string[]): string => path.join(folder, ...parts);
  const log = at("containerd.log");
  const output = openSync(log, "w");
  writeFileSync(at("config.toml"), config);
  const child = spawn(
    "containerd",
    [
      ...["--config", at("config.toml"), "--address", at("containerd.sock")],
      ...["--root", at("root"), "--state", at("state")],
    ],
    { cwd: folder, env: { PATH: process.env["PATH"] }, stdio: ["ignore", output, output] },
  );
  closeSync(output);
  const pid = child.pid;
  if (pid === undefined) throw new Error("containerd could not be started");
  atEnd(async () => {
    if (!(await endProcess(pid))) throw new Error("containerd did not end when asked");
  });

  const settings = { cwd: folder, env: { HOME: folder } };
  const first = ["--address", at("containerd.sock")];
  await untilReady(child, log, async () => {
    const { code } = await attempt("ctr", [...first, "version"], settings);
    return code === 0;
  });
  return {
    ctr: tool("ctr", settings, first),
    hostsFor(registryName, host, authorization) {
      const hosts = at(`hosts-of-${registryName}`);
      mkdirSync(path.join(hosts, registryName), { recursive: true });
      const can = 'capabilities = ["pull", "resolve", "push"]';
      const header = `[host."http://${host}".header]\nauthorization = "${authorization}"\n`;
      writeFileSync(
        path.join(hosts, registryName, "hosts.toml"),
        `server = "http://${host}"\n[host."http://${host}"]\n${can}\n${authorization === undefined ? "" : header}`,
      );
      return hosts;
    },
  };
}
