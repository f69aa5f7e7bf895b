import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import supertest from "supertest";
import { openCommandContext } from "../../src/app/command-context.ts";
import type { SharedServices } from "../../src/app/app-process.ts";
import { databaseFile } from "../../src/app/data-folder.ts";
import { openServerApp, type ServerApp } from "../../src/app/server-app.ts";
import type { Config } from "../../src/config/schema.ts";
import { startWriter } from "../../src/database/sqlite/writer.ts";
import { digestOf, type Digest, type DigestAlgorithm } from "../../src/oci/digest.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { createUploadLocks } from "../../src/registry/uploads/locks.ts";
import { isPostgresTested } from "./postgres.ts";
import { configOf, tablesFor, type Settings } from "./settings.ts";
import type { Tables } from "./tables.ts";
import { assembleTwo } from "./two-processes.ts";
import { isReplicated, openTwoReplicas } from "./two-replicas.ts";

/** A Berth in this process on a free port of 127.0.0.1, assembled as by `berth serve --open`. */
export interface TestBerth {
  readonly data: string;
  readonly port: number;
  readonly config: Config;
  readonly api: ReturnType<typeof supertest>;
  /** The tables of its database. */
  readonly tables: Tables;
  /** Deletes a repository while the server runs, as the command line does. Throws NAME_UNKNOWN. */
  deleteRepository(name: string): Promise<void>;
  /** Closes the server and opens it again on the same data folder and port. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param options.beside opens a second process on the database of a running server, as a worker does
 * @param options.onSqlite uses SQLite, whatever kind of database is tested
 * @param options.log receives the lines of the log; set `log.level` and `log.format` too
 */
export async function startBerth(
  data: string,
  settings: Settings = {},
  {
    beside = false,
    onSqlite,
    log,
  }: {
    readonly beside?: boolean;
    readonly onSqlite?: boolean;
    readonly log?: (lines: string) => void;
  } = {},
): Promise<TestBerth> {
  const config = await configOf(
    data,
    {
      ...{ "auth.open": "true", "log.level": "silent" },
      ...(isReplicated && { trustedProxies: "127.0.0.1" }),
      ...settings,
    },
    { onSqlite },
  );
  const logger = createLogger(config.log, log && { write: log });
  let app: ServerApp | undefined;
  let server: Server | undefined;

  let replicas: Awaited<ReturnType<typeof openTwoReplicas>> | undefined;

  const open = async (port: number): Promise<number> => {
    if (isReplicated) {
      replicas = await openTwoReplicas(config, logger, port);
      return replicas.port;
    }
    if (beside && !isPostgresTested)
      app = await openServerApp(config, logger, await openBeside(config));
    else app = await (config.workers > 1 ? assembleTwo : openServerApp)(config, logger);
    server = createServer(app.handle);
    await new Promise<void>((resolve) => server?.listen(port, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  };
  const close = async (): Promise<void> => {
    if (replicas !== undefined) return await replicas.close();
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
    await app?.close();
  };
  const port = await open(0);
  return {
    data,
    port,
    config,
    api: following(supertest(`http://127.0.0.1:${port}`), config.storage.s3.redirect),
    tables: tablesFor(config),
    close,
    deleteRepository: async (name) => {
      const context = await openCommandContext(config, { store: true });
      try {
        const repositories = await context.repositories();
        await repositories.delete(context.actor, parseRepositoryName(name));
      } finally {
        await context.close();
      }
    },
    restart: async () => {
      await close();
      await open(port);
    },
  };
}

/** The shared services that a worker gets from the first process. This Berth creates its own for the same database. */
async function openBeside(config: Config): Promise<SharedServices> {
  return { writer: await startWriter(databaseFile(config)), locks: createUploadLocks() };
}

/** Makes a GET follow the redirect to the store, as clients do, and adds the headers of Berth's redirect. */
function following(api: TestBerth["api"], redirect: boolean): TestBerth["api"] {
  if (!redirect) return api;
  const get = (url: string): supertest.Test => {
    const request = api.get(url).redirects(1);
    let said: Record<string, string> = {};
    request.on("redirect", (response: supertest.Response) => {
      said = { ...response.headers, etag: `"${response.headers["docker-content-digest"]}"` };
    });
    request.on("response", (response: supertest.Response) => {
      const { headers } = response;
      Object.assign(headers, { ...said, ...headers, etag: said["etag"] ?? headers["etag"] });
    });
    return request;
  };
  return Object.assign(Object.create(api) as TestBerth["api"], { get });
}

/** Pushes a blob in one request and returns its digest. */
export async function pushBlob(
  berth: TestBerth,
  repository: string,
  bytes: Uint8Array | string,
  algorithm: DigestAlgorithm = "sha256",
): Promise<Digest> {
  const content = Buffer.from(bytes);
  const digest = digestOf(content, algorithm);
  await berth.api
    .post(`/v2/${repository}/blobs/uploads/?digest=${digest}`)
    .set("Content-Type", "application/octet-stream")
    .send(content)
    .expect(201);
  return digest;
}

export const ociManifest = "application/vnd.oci.image.manifest.v1+json";

/** Pushes the blobs of an image with one layer, and returns the manifest without pushing it. */
export async function pushImageParts(
  berth: TestBerth,
  repository: string,
  options: { readonly layer?: string; readonly config?: object; readonly extra?: object } = {},
): Promise<{
  readonly manifest: Buffer;
  readonly digest: Digest;
  readonly config: Digest;
  readonly layer: Digest;
}> {
  const configText = JSON.stringify(
    options.config ?? {
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: [] },
    },
  );
  const layerText = options.layer ?? "a layer";
  const config = await pushBlob(berth, repository, configText);
  const layer = await pushBlob(berth, repository, layerText);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: ociManifest,
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: config,
        size: configText.length,
      },
      layers: [
        {
          mediaType: "application/vnd.oci.image.layer.v1.tar",
          digest: layer,
          size: layerText.length,
        },
      ],
      ...options.extra,
    }),
  );
  return { manifest, digest: digestOf(manifest), config, layer };
}

/** Pushes a manifest. The caller checks the response. */
export function putManifest(
  berth: TestBerth,
  repository: string,
  reference: string,
  manifest: Buffer | object,
  mediaType: string = ociManifest,
): supertest.Test {
  return (
    berth.api
      .put(`/v2/${repository}/manifests/${reference}`)
      .set("Content-Type", mediaType)
      // Sends the exact bytes. By default superagent serializes the body as JSON.
      .serialize((body: Buffer) => body as unknown as string)
      .send(Buffer.isBuffer(manifest) ? manifest : Buffer.from(JSON.stringify(manifest)))
  );
}

/** A parser for supertest that returns the response body as a Buffer. */
export function collect(
  response: supertest.Response,
  done: (error: Error | null, body: Buffer) => void,
): void {
  const pieces: Buffer[] = [];
  response.on("data", (piece: Buffer) => pieces.push(piece));
  response.on("end", () => done(null, Buffer.concat(pieces)));
}
