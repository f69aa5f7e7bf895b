import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Program, Server } from "./program.ts";

/**
 * distribution with its example configuration (v3.1.0, cmd/registry), without accounts and without an access log.
 * `storage` is the YAML of another storage driver; the default is the folder.
 */
export function createDistribution(
  command: string,
  { storage, env }: { readonly storage?: string; readonly env?: Program["env"] | undefined } = {},
): Server {
  return {
    name: "distribution",
    version: versionOf(command, "--version"),
    program: (folder, port) => {
      const config = path.join(folder, "config.yml");
      writeFileSync(
        config,
        `version: 0.1
log:
  level: error
  accesslog:
    disabled: true
storage:
  cache:
    blobdescriptor: inmemory
${storage ?? `  filesystem:\n    rootdirectory: ${folder}/data`}
  tag:
    concurrencylimit: 8
http:
  addr: 127.0.0.1:${port}
  secret: berth-bench
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
`,
      );
      // Disables tracing. Otherwise every request is sent to a collector that does not exist.
      return { command, args: ["serve", config], env: { OTEL_TRACES_EXPORTER: "none", ...env } };
    },
  };
}

export function createOlareg(command: string): Server {
  return {
    name: "olareg",
    version: versionOf(command, "version"),
    program: (folder, port) => ({
      command,
      args: ["serve", "--addr", "127.0.0.1", "--port", String(port)].concat(
        ["--store-type", "dir", "--dir", path.join(folder, "data")],
        ["--verbosity", "error"],
      ),
    }),
  };
}

/** @param extensions the `extensions` section of zot's configuration */
export function createZot(command: string, extensions: object = {}): Server {
  return {
    name: "zot",
    version: versionOf(command, "--version"),
    program: (folder, port) => {
      const config = path.join(folder, "config.json");
      writeFileSync(
        config,
        JSON.stringify({
          storage: { rootDirectory: path.join(folder, "data") },
          http: { address: "127.0.0.1", port: String(port) },
          log: { level: "error" },
          extensions,
        }),
      );
      return { command, args: ["serve", config] };
    },
  };
}

/** nginx serves the same bytes as static files below `www`. It is the upper limit for reads. */
export function createNginx(command: string): Server {
  return {
    name: "nginx",
    version: versionOf(command, "-v"),
    limit: true,
    program: (folder, port) => {
      mkdirSync(path.join(folder, "www"), { recursive: true });
      const config = path.join(folder, "nginx.conf");
      const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map((name) => `  ${name}_temp_path ${folder}/${name};`)
        .join("\n");
      writeFileSync(
        config,
        `daemon off;
user root;
worker_processes auto;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
${temporary}
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  default_type application/vnd.oci.image.manifest.v1+json;
  server {
    listen 127.0.0.1:${port};
    root ${folder}/www;
    location = /v2/ { default_type application/json; return 200 "{}"; }
  }
}
`,
      );
      return { command, args: ["-p", folder, "-c", config, "-e", path.join(folder, "error.log")] };
    },
  };
}

/** The first version in the output of the program, except that of Go. */
function versionOf(command: string, option: string): string {
  const said = execFileSync("sh", ["-c", '"$0" "$1" 2>&1 || true', command, option]).toString();
  return /(?<![go\d.])v?\d+\.\d+\.\d+(?![^\n]*\bgo)/.exec(said)?.[0] ?? "unknown";
}
