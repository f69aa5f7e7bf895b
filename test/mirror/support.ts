import { mkdirSync, mkdtempSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { after } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import {
  collect,
  ociManifest,
  pushImageParts,
  putManifest,
  startBerth,
  type TestBerth,
} from "../support/berth.ts";
import type { Settings } from "../support/settings.ts";
import { startFaultyProxy, type FaultyProxy } from "../support/faulty-proxy.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { waitUntil } from "../support/wait.ts";

/** A mirror and its upstream, with a proxy between them that counts requests and injects faults. */
export interface MirrorPair {
  readonly upstream: TestBerth;
  readonly proxy: FaultyProxy;
  readonly mirror: TestBerth;
  readonly settings: Settings;
}

export function newFolder(): string {
  const folder = temporaryFolder();
  mkdirSync(folder, { recursive: true });
  return mkdtempSync(path.join(folder, "data-"));
}

/** The settings of a mirror of `docker.io` whose upstream is `url`. */
export function mirrorSettings(
  url: string,
  more: Readonly<Record<string, unknown>> = {},
): Settings {
  const one = {
    namespace: "docker.io",
    upstream: url,
    visibility: "public",
    root: true,
    allowPrivateNetwork: true,
    idle: "2s",
    ttl: { missing: "0s" },
    ...more,
  };
  return { mirrors: JSON.stringify([one]) };
}

export async function startMirrorPair(
  more: Readonly<Record<string, unknown>> = {},
  settings: Settings = {},
): Promise<MirrorPair> {
  const upstream = await startBerth(newFolder());
  const proxy = await startFaultyProxy(upstream.port);
  const all = { ...mirrorSettings(proxy.url, more), ...settings };
  const mirror = await startBerth(newFolder(), all);
  after(async () => {
    await mirror.close();
    await proxy.close();
    await upstream.close();
  });
  return { upstream, proxy, mirror, settings: all };
}

/** Pushes an image of one layer to the upstream and returns its digests and bytes. */
export async function pushUpstream(
  { upstream }: Pick<MirrorPair, "upstream">,
  repository: string,
  tag: string,
  layer: string,
) {
  const image = await pushImageParts(upstream, repository, { layer });
  await putManifest(upstream, repository, tag, image.manifest).expect(201);
  return { ...image, layerBytes: Buffer.from(layer) };
}

/** Waits until a blob is stored. The client receives the last byte before that. */
export async function untilHere(mirror: TestBerth, path: string): Promise<void> {
  await waitUntil(`${path} is stored`, async () => {
    const { headers } = await mirror.api.get(path).buffer(true).parse(collect).expect(200);
    return headers["cache-status"] === "Berth; hit";
  });
}

/** Waits until the API shows a path. A manifest is served before its row is stored. */
export async function untilShown(mirror: TestBerth, path: string): Promise<void> {
  await waitUntil(`${path} is shown`, async () => (await mirror.api.get(path)).status !== 404);
}

/** A text of `bytes` bytes that is different for each seed. */
export const bulk = (bytes: number, seed: string): string =>
  seed + Buffer.alloc(bytes, `${seed} 0123456789 `).toString("latin1").slice(seed.length);

/** An upstream whose answers the test writes. It closes after the last test of the file. */
export async function startScriptedUpstream(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ readonly url: string; readonly port: number; readonly seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, seen };
}

/**
 * An upstream whose image `repository:1` has one foreign layer with the text `layerOf(repository)`, which only the URL in
 * its manifest has. `settings` are those of a mirror that fetches it.
 */
export async function startForeignUpstream(
  layerOf: (repository: string) => string | Promise<string>,
) {
  const mediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
  const answer = async (
    { url = "", headers }: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    const [, kind, repository = ""] =
      /^\/(v2|layers)\/(.+?)(?:\/manifests\/1)?$/.exec(url.includes("/blobs/") ? "" : url) ?? [];
    if (kind === undefined) return void response.writeHead(404).end();
    const layer = Buffer.from(await layerOf(repository));
    if (kind === "layers") return void response.end(layer);
    const urls = [`http://${headers.host}/layers/${repository}`];
    const manifest = {
      schemaVersion: 2,
      mediaType: ociManifest,
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: digestOf(Buffer.from("{}")),
        size: 2,
      },
      layers: [{ mediaType, digest: digestOf(layer), size: layer.length, urls }],
      annotations: { repository },
    };
    response.writeHead(200, { "content-type": ociManifest }).end(JSON.stringify(manifest));
  };
  const upstream = await startScriptedUpstream((...call) => void answer(...call));
  const foreignLayerHosts = [new URL(upstream.url).host];
  return { ...upstream, settings: mirrorSettings(upstream.url, { foreignLayerHosts }) };
}

/** A mirror of `docker.io` whose upstream is `url`. It closes after the last test of the file. */
export async function startMirrorOf(
  url: string,
  more: Readonly<Record<string, unknown>> = {},
  settings: Settings = {},
): Promise<TestBerth> {
  const mirror = await startBerth(newFolder(), { ...mirrorSettings(url, more), ...settings });
  after(() => mirror.close());
  return mirror;
}
