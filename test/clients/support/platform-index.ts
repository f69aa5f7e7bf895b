/**
 * An index for Linux and Windows with the same bytes in every run, in the OCI form and in the docker form:
 *
 *   index ─┬─ linux/amd64             busybox + /greeting      `cat /greeting` when run
 *          ├─ windows/amd64 20348     foreign base + Files/…
 *          ├─ linux/arm64/v8          /greeting
 *          ├─ windows/amd64 17763     foreign base + Files/…
 *          ├─ windows/amd64 26100     foreign base + Files/…   os.features: ["win32k"]
 *          └─ unknown/unknown         an attestation about linux/amd64 (OCI form only)
 */
import { readFileSync } from "node:fs";
import {
  digestOf,
  parseManifest,
  type Descriptor,
  type ManifestBody,
  type Platform,
} from "./registry-reader.ts";
import { createGzip, createTarball, type TarEntry } from "./tarball.ts";

/** Bytes and their descriptor. */
export type Content = { descriptor: Descriptor; bytes: Buffer };

export type PlatformIndex = {
  root: Content;
  /** The images, in the order of the index. */
  children: Content[];
  /** The configs and layers that clients push. */
  blobs: Content[];
  /** The foreign layers, which are on the host of their `urls`. */
  foreign: Content[];
};

export type Form = "oci" | "docker";

const mediaTypes = {
  oci: {
    index: "application/vnd.oci.image.index.v1+json",
    manifest: "application/vnd.oci.image.manifest.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
    layer: "application/vnd.oci.image.layer.v1.tar+gzip",
    foreign: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
  },
  docker: {
    index: "application/vnd.docker.distribution.manifest.list.v2+json",
    manifest: "application/vnd.docker.distribution.manifest.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
    layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    foreign: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
  },
};

export const greeting = "greetings from linux/amd64\n";
export const windowsVersions = ["10.0.20348.2762", "10.0.17763.6414", "10.0.26100.2314"] as const;

/** The files of a root file system with a shell, from the busybox of this machine. */
export function busyboxFiles(): TarEntry[] {
  const busybox = readFileSync("/bin/busybox");
  return [
    { path: "bin/", folder: true },
    { path: "bin/busybox", content: busybox, mode: 0o755 },
    { path: "bin/sh", link: "busybox" },
    { path: "bin/cat", link: "busybox" },
  ];
}

export function createPlatformIndex(form: Form, foreignUrl: string): PlatformIndex {
  const types = mediaTypes[form];
  const blobs: Content[] = [];
  const foreign: Content[] = [];

  const blob = (mediaType: string, bytes: Buffer, more: Partial<Descriptor> = {}): Content => ({
    descriptor: { mediaType, size: bytes.length, digest: digestOf(bytes), ...more },
    bytes,
  });
  const keep = (content: Content): Content => {
    if (!blobs.some((other) => other.descriptor.digest === content.descriptor.digest)) {
      blobs.push(content);
    }
    return content;
  };
  // `docker manifest push` rewrites manifests, so that the fixture has docker's field order and indentation.
  const json = (value: object): Buffer =>
    Buffer.from(JSON.stringify(value, undefined, form === "docker" ? 3 : 2));

  const image = (platform: Platform, layers: { tar: Buffer; url?: string }[]): Content => {
    const descriptors = layers.map(({ tar, url }) => {
      const bytes = createGzip(tar);
      if (url === undefined) return keep(blob(types.layer, bytes)).descriptor;
      const layer = blob(types.foreign, bytes, { urls: [url] });
      foreign.push(layer);
      return layer.descriptor;
    });
    const config = keep(
      blob(
        types.config,
        json({
          created: "2026-01-02T03:04:05Z",
          ...platform,
          config: { Cmd: ["/bin/cat", "/greeting"] },
          rootfs: { type: "layers", diff_ids: layers.map(({ tar }) => digestOf(tar)) },
          history: layers.map((_, step) => ({
            created: "2026-01-02T03:04:05Z",
            created_by: `step ${step}`,
          })),
        }),
      ),
    );
    return manifest(config.descriptor, descriptors, { platform });
  };
  const manifest = (
    config: Descriptor,
    layers: Descriptor[],
    more: Partial<Descriptor>,
  ): Content => {
    const body: ManifestBody = { schemaVersion: 2, mediaType: types.manifest, config, layers };
    return blob(types.manifest, json(body), more);
  };

  const windows = (version: string, features?: string[]): Content => {
    const platform = {
      architecture: "amd64",
      os: "windows",
      "os.version": version,
      ...(features ? { "os.features": features } : {}),
    };
    return image(platform, [
      {
        tar: createTarball([{ path: "Files/base.txt", content: `Windows ${version}\n` }]),
        url: `${foreignUrl}/windows-${version}.tar.gz`,
      },
      { tar: createTarball([{ path: "Files/app.txt", content: `app on ${version}\n` }]) },
    ]);
  };

  const attestation = (subject: Content): Content => {
    const statement = json({
      _type: "https://in-toto.io/Statement/v0.1",
      predicateType: "https://slsa.dev/provenance/v0.2",
    });
    const layer = keep(
      blob("application/vnd.in-toto+json", statement, {
        annotations: { "in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2" },
      }),
    );
    const platform = { architecture: "unknown", os: "unknown" };
    const rootfs = { type: "layers", diff_ids: [layer.descriptor.digest] };
    const config = keep(blob(types.config, json({ ...platform, config: {}, rootfs })));
    return manifest(config.descriptor, [layer.descriptor], {
      platform,
      annotations: {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": subject.descriptor.digest,
      },
    });
  };

  const linux = image({ architecture: "amd64", os: "linux" }, [
    { tar: createTarball(busyboxFiles()) },
    { tar: createTarball([{ path: "greeting", content: greeting }]) },
  ]);
  const arm = image({ architecture: "arm64", os: "linux", variant: "v8" }, [
    { tar: createTarball([{ path: "greeting", content: "greetings from linux/arm64/v8\n" }]) },
  ]);
  const children = [
    linux,
    windows(windowsVersions[0]),
    arm,
    windows(windowsVersions[1]),
    windows(windowsVersions[2], ["win32k"]),
    ...(form === "oci" ? [attestation(linux)] : []),
  ];
  const index: ManifestBody = {
    schemaVersion: 2,
    mediaType: types.index,
    manifests: children.map((child) => child.descriptor),
  };
  return { root: blob(types.index, json(index)), children, blobs, foreign };
}

/** One image of the index with its blobs. */
export function imageOf(
  { children, blobs, foreign }: PlatformIndex,
  position: number,
): PlatformIndex {
  const root = children[position];
  if (root === undefined) throw new Error(`the index has no image ${position}`);
  const { config, layers = [] } = parseManifest(root.bytes);
  const digests = [config, ...layers].map((descriptor) => descriptor?.digest);
  const isNamed = ({ descriptor }: Content): boolean => digests.includes(descriptor.digest);
  return { root, children: [], blobs: blobs.filter(isNamed), foreign: foreign.filter(isNamed) };
}
