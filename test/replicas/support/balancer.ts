import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createScratch } from "../../clients/support/scratch.ts";
import { accepts, freePort, startProgram, type Program } from "./program.ts";

/*
 * The balancers of `deploy/`, unchanged but for their addresses, ports and certificates.
 */

const root = path.join(import.meta.dirname, "../../..");

export interface Balancer extends Program {
  readonly port: number;
  readonly url: string;
}

/** The paths of a certificate and its key. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

export interface BalancerOptions {
  /** `HOST:PORT` of each replica; at most three. */
  readonly replicas: readonly string[];
  /** The address to listen on; the default is 127.0.0.1. */
  readonly host?: string;
  readonly port: number;
  /** Each request goes to the next replica, also those of one upload or of one blob. */
  readonly roundRobin?: boolean;
  /** Serves https; `true`: with the test certificate for registry.example.com. */
  readonly tls?: boolean | Certificate;
}

/** The lines of a configuration, with the addresses of these replicas; lines of further replicas are removed. */
function withReplicas(text: string, replicas: readonly string[]): string {
  let known = 0;
  return (
    text.replaceAll(/^ *server [^\n]*10\.0\.0\.1(\d):5000[^\n]*\n/gm, (line, digit: string) => {
      known += 1;
      const replica = replicas[Number(digit) - 1];
      return replica === undefined ? "" : line.replace(/10\.0\.0\.1\d:5000/, replica);
    }) + (known === 6 ? "" : "the example has changed")
  );
}

/** Starts HAProxy with `deploy/haproxy.cfg`. */
export async function startHaproxy({
  replicas,
  host = "127.0.0.1",
  port,
  roundRobin = false,
  tls = false,
}: BalancerOptions): Promise<Balancer> {
  const folder = createScratch("haproxy");
  const { both } = writeCertificate(folder, tls === true || tls === false ? undefined : tls);
  let text = withReplicas(readFileSync(path.join(root, "deploy/haproxy.cfg"), "utf8"), replicas)
    .replace(":443", `${host}:${port}`)
    .replace("/etc/haproxy/registry.pem", both);
  if (tls === false)
    text = text
      .replace(/ ssl crt .*/, "")
      .replace("X-Forwarded-Proto https", "X-Forwarded-Proto http");
  if (roundRobin)
    text = text
      .replace(/^ *use_backend .*\n/m, "")
      .replace("balance leastconn", "balance roundrobin");
  return await startHaproxyWith(folder, text, { host, port, tls: tls !== false });
}

/** Starts HAProxy in front of database servers: the second one gets connections only while the first is down. */
export async function startTcpBalancer(ports: readonly [number, number]): Promise<Balancer> {
  const port = await freePort();
  const text = [
    "defaults",
    "  mode tcp",
    "  timeout connect 1s",
    "  timeout client 1h",
    "  timeout server 1h",
    "  option redispatch 1",
    "listen postgres",
    `  bind 127.0.0.1:${port}`,
    "  option pgsql-check user postgres",
    "  default-server check inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions",
    `  server first 127.0.0.1:${ports[0]}`,
    `  server second 127.0.0.1:${ports[1]} backup`,
    "",
  ].join("\n");
  return await startHaproxyWith(createScratch("haproxy"), text, { port });
}

async function startHaproxyWith(
  folder: string,
  text: string,
  {
    host = "127.0.0.1",
    port,
    tls = false,
  }: { readonly host?: string; readonly port: number; readonly tls?: boolean },
): Promise<Balancer> {
  const file = path.join(folder, "haproxy.cfg");
  writeFileSync(file, text);
  const running = await startProgram(["haproxy", "-db", "-f", file], {
    isReady: () => accepts(port, host),
  });
  return { ...running, port, url: `${tls ? "https" : "http"}://${host}:${port}` };
}

/** Starts nginx with `deploy/nginx.conf`. */
export async function startNginx({ replicas, port }: BalancerOptions): Promise<Balancer> {
  const folder = createScratch("nginx");
  const { certificate, key } = writeCertificate(folder);
  const file = path.join(folder, "nginx.conf");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join("\n");
  const text = withReplicas(readFileSync(path.join(root, "deploy/nginx.conf"), "utf8"), replicas)
    .replace("listen 443 ssl", `listen 127.0.0.1:${port} ssl`)
    .replace("/etc/nginx/registry.pem", certificate)
    .replace("/etc/nginx/registry.key", key)
    .replace("http {", `http {\n${temporary}`);
  writeFileSync(file, `pid ${folder}/pid;\ndaemon off;\nuser root;\n${text}`);
  mkdirSync(path.join(folder, "logs"));
  const running = await startProgram(["nginx", "-p", folder, "-c", file, "-e", "stderr"], {
    isReady: () => accepts(port),
  });
  return { ...running, port, url: `https://127.0.0.1:${port}` };
}

const testCertificate: Certificate = {
  certificate: path.join(root, "test/support/tls/first.cert.pem"),
  key: path.join(root, "test/support/tls/first.key.pem"),
};

/** Copies a certificate and its key into the folder. `both` has both of them. */
function writeCertificate(
  folder: string,
  given = testCertificate,
): Certificate & { readonly both: string } {
  const [certificate, key, both] = ["registry.pem", "registry.key", "both.pem"].map((name) =>
    path.join(folder, name),
  ) as [string, string, string];
  copyFileSync(given.certificate, certificate);
  copyFileSync(given.key, key);
  writeFileSync(both, readFileSync(certificate, "utf8") + readFileSync(key, "utf8"));
  return { certificate, key, both };
}
