import { createHash } from "node:crypto";

/*
 * Images for the tests of the web pages, pushed over the registry API: Linux and Windows platforms with a history of
 * commands, and layers that images share. The content is the same at every run.
 */

export interface Client {
  readonly url: string;
  /** `undefined` in open mode. */
  readonly authorization: string | undefined;
}

/** A client that sends a user name and a password with each request. */
export const passwordClient = (url: string, user: string, password: string): Client => ({
  url,
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});

export interface ImageContent {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly osVersion?: string;
  /** The command and the size in bytes of each layer; 0: a step without a layer. */
  readonly steps: readonly (readonly [command: string, bytes: number])[];
  readonly config?: Readonly<Record<string, unknown>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const digestOf = (bytes: Buffer | string): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Bytes that depend on the command only, so that equal commands are one layer. */
function layerOf(command: string, size: number): Buffer {
  const block = createHash("sha512").update(command).digest();
  return Buffer.alloc(size, block);
}

export const imageType = "application/vnd.oci.image.manifest.v1+json";
export const indexType = "application/vnd.oci.image.index.v1+json";

async function send(
  client: Client,
  repository: string,
  path: string,
  init: { readonly method: string; readonly body?: Buffer | string; readonly type?: string },
): Promise<Response> {
  const { authorization } = client;
  const response = await fetch(
    path.startsWith("http") ? path : `${client.url}/v2/${repository}${path}`,
    {
      method: init.method,
      body: init.body === undefined ? null : Uint8Array.from(Buffer.from(init.body)),
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        "content-type": init.type ?? "application/octet-stream",
      },
    },
  );
  if (response.status >= 400)
    throw new Error(`${init.method} ${path}: ${response.status} ${await response.text()}`);
  return response;
}

export async function pushBlob(
  client: Client,
  repository: string,
  bytes: Buffer | string,
): Promise<string> {
  const digest = digestOf(bytes);
  const started = await send(client, repository, "/blobs/uploads/", { method: "POST" });
  const location = new URL(started.headers.get("location") ?? "", client.url);
  location.searchParams.set("digest", digest);
  await send(client, repository, location.href, { method: "PUT", body: bytes });
  return digest;
}

export async function pushManifest(
  client: Client,
  repository: string,
  reference: string | undefined,
  manifest: Readonly<Record<string, unknown>>,
): Promise<{ readonly digest: string; readonly size: number }> {
  const body = JSON.stringify(manifest);
  const digest = digestOf(body);
  const type = typeof manifest["mediaType"] === "string" ? manifest["mediaType"] : imageType;
  await send(client, repository, `/manifests/${reference ?? digest}`, {
    method: "PUT",
    body,
    type,
  });
  return { digest, size: Buffer.byteLength(body) };
}

/** Pushes an image; without a tag it is reachable by its digest. */
export async function pushImage(
  client: Client,
  repository: string,
  tag: string | undefined,
  content: ImageContent,
) {
  const layers: { readonly mediaType: string; readonly digest: string; readonly size: number }[] =
    [];
  for (const [command, bytes] of content.steps) {
    if (bytes === 0) continue;
    const digest = await pushBlob(client, repository, layerOf(command, bytes));
    layers.push({
      mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
      digest,
      size: bytes,
    });
  }
  const config = JSON.stringify({
    created: "2026-11-20T10:00:00Z",
    os: content.os,
    architecture: content.architecture,
    ...(content.variant === undefined ? {} : { variant: content.variant }),
    ...(content.osVersion === undefined ? {} : { "os.version": content.osVersion }),
    config: content.config ?? {},
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
    history: content.steps.map(([command, bytes]) => ({
      created: "2026-11-20T10:00:00Z",
      created_by: command,
      ...(bytes === 0 ? { empty_layer: true } : {}),
    })),
  });
  const digest = await pushBlob(client, repository, config);
  return pushManifest(client, repository, tag, {
    schemaVersion: 2,
    mediaType: imageType,
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest,
      size: Buffer.byteLength(config),
    },
    layers,
    ...(content.annotations === undefined ? {} : { annotations: content.annotations }),
  });
}

/** Pushes one image per platform and an index with a tag. */
export async function pushIndex(
  client: Client,
  repository: string,
  tag: string,
  images: readonly ImageContent[],
) {
  const manifests = [];
  for (const image of images) {
    const { digest, size } = await pushImage(client, repository, undefined, image);
    manifests.push({
      mediaType: imageType,
      digest,
      size,
      platform: {
        os: image.os,
        architecture: image.architecture,
        ...(image.variant === undefined ? {} : { variant: image.variant }),
        ...(image.osVersion === undefined ? {} : { "os.version": image.osVersion }),
      },
    });
  }
  return pushManifest(client, repository, tag, {
    schemaVersion: 2,
    mediaType: indexType,
    manifests,
  });
}

const MB = 1_000_000;

/** A version of a service, for Linux and Windows: only its own layers differ between versions. */
export function serviceImages(version: string, scale = 0.02): readonly ImageContent[] {
  const own = (command: string, bytes: number): [string, number] => [
    command,
    Math.round(bytes * scale),
  ];
  const config = {
    Entrypoint: ["/usr/local/bin/node", "/app/dist/main.js"],
    User: "10001",
    WorkingDir: "/app",
    ExposedPorts: { "8080/tcp": {} },
    Env: [`APP_VERSION=${version}`, "NODE_ENV=production", "PATH=/usr/local/bin:/usr/bin:/bin"],
    Labels: {
      "org.opencontainers.image.source": "https://git.example.com/payments",
      "org.opencontainers.image.version": version,
    },
  };
  const linux = (architecture: string): ImageContent => ({
    os: "linux",
    architecture,
    ...(architecture === "arm64" ? { variant: "v8" } : {}),
    config,
    steps: [
      own(`/bin/sh -c #(nop) ADD rootfs-${architecture}.tar.xz / # debian:trixie-slim`, 29.7 * MB),
      own(
        `RUN /bin/sh -c apt-get update; apt-get install -y ca-certificates tzdata # ${architecture}`,
        12.4 * MB,
      ),
      ["ENV NODE_VERSION=22.11.0", 0],
      own(`COPY --from=build /usr/local/bin/node /usr/local/bin/node # ${architecture}`, 11.2 * MB),
      own("COPY package-lock.json node_modules /app/", 4.6 * MB),
      own(`COPY dist /app/dist # ${version}`, 3.1 * MB),
      ["USER 10001", 0],
      ['ENTRYPOINT ["/usr/local/bin/node", "/app/dist/main.js"]', 0],
    ],
  });
  const windows = (osVersion: string): ImageContent => ({
    os: "windows",
    architecture: "amd64",
    osVersion,
    config: {
      ...config,
      Entrypoint: ["C:\\node\\node.exe", "C:\\app\\main.js"],
      User: "ContainerUser",
    },
    steps: [
      own(`Apply image ${osVersion}`, 120 * MB),
      own("cmd /S /C powershell Install-WindowsFeature NET-Framework # feature", 60 * MB),
      own(`COPY dist C:\\app # ${version}`, 3.1 * MB),
    ],
  });
  return [linux("amd64"), linux("arm64"), windows("10.0.20348.2849"), windows("10.0.26100.1742")];
}
