import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { homedir } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { digestOf, type Digest } from "../../src/oci/digest.ts";

/** The reference registry (distribution) as a child process on a free port of 127.0.0.1. */
export interface Distribution {
  readonly url: string;
  readonly port: number;
  /** Its rootdirectory. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** The path of the program `registry`; `undefined` if it is not installed. */
export function distributionProgram(): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(":"), path.join(homedir(), "go/bin")];
  return folders.map((folder) => path.join(folder, "registry")).find((file) => existsSync(file));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/**
 * @param remoteUrl makes it a pull-through cache of this registry
 * @param storage `storage` of its configuration; without it, a folder
 */
export async function startDistribution(
  folder: string,
  remoteUrl?: string,
  storage: object = { filesystem: { rootdirectory: path.join(folder, "data") } },
): Promise<Distribution> {
  const program = distributionProgram();
  if (program === undefined) throw new Error("the program `registry` (distribution v3) is needed");
  const port = await freePort();
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, "config.yml");
  const config = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage,
    http: { addr: `127.0.0.1:${port}` },
    // Allows foreign layers with any HTTP URL.
    validation: { manifests: { urls: { allow: ["^http"] } } },
    ...(remoteUrl === undefined ? {} : { proxy: { remoteurl: remoteUrl } }),
  };
  writeFileSync(file, JSON.stringify(config));
  const env = { ...process.env, OTEL_TRACES_EXPORTER: "none" };
  const child = spawn(program, ["serve", file], { stdio: "ignore", env });
  const ended = once(child, "close");
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries += 1) {
    const answer = await fetch(`${url}/v2/`).catch(() => undefined);
    if (answer?.status === 200) break;
    if (tries > 200) throw new Error("distribution does not answer");
    await pause(50);
  }
  return {
    url,
    port,
    folder: path.join(folder, "data"),
    async stop() {
      if (child.exitCode === null) child.kill("SIGKILL");
      await ended;
    },
  };
}

async function pushBlob(url: string, name: string, bytes: Uint8Array): Promise<Digest> {
  const begun = await fetch(`${url}/v2/${name}/blobs/uploads/`, { method: "POST" });
  const place = new URL(begun.headers.get("location") ?? "", url);
  const digest = digestOf(bytes);
  place.searchParams.set("digest", digest);
  const headers = { "Content-Type": "application/octet-stream" };
  const { status } = await fetch(place, { method: "PUT", body: Uint8Array.from(bytes), headers });
  if (status !== 201) throw new Error(`a blob was answered ${status}`);
  return digest;
}

export interface PushedImage {
  readonly manifest: Buffer;
  readonly digests: readonly Digest[];
  readonly bytes: number;
}

/** Pushes an image with these layers to a registry that needs no authentication. */
export async function pushImage(
  url: string,
  name: string,
  tag: string,
  layers: readonly Uint8Array[],
): Promise<PushedImage> {
  const config = Buffer.from(JSON.stringify({ architecture: "amd64", os: "linux", name }));
  const blobs = [config, ...layers];
  const digests: Digest[] = [];
  for (const bytes of blobs) digests.push(await pushBlob(url, name, bytes));
  const [first, ...rest] = blobs.map((bytes, at) => ({
    mediaType:
      at === 0
        ? "application/vnd.oci.image.config.v1+json"
        : "application/vnd.oci.image.layer.v1.tar",
    digest: digests[at],
    size: bytes.length,
  }));
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType, config: first, layers: rest }),
  );
  const { status } = await fetch(`${url}/v2/${name}/manifests/${tag}`, {
    method: "PUT",
    body: manifest,
    headers: { "Content-Type": mediaType },
  });
  if (status !== 201) throw new Error(`a manifest was answered ${status}`);
  return { manifest, digests, bytes: blobs.reduce((sum, { length }) => sum + length, 0) };
}
