import { createHash } from "node:crypto";

export type StoredManifest = {
  status: number;
  /** The header `Docker-Content-Digest` of the answer. */
  digest: string;
  mediaType: string;
  bytes: Buffer;
};

/** Reads a registry over plain HTTP, without the conversions of a client. */
export type RegistryReader = {
  manifest(name: string, reference: string): Promise<StoredManifest>;
  blob(name: string, digest: string): Promise<{ status: number; bytes: Buffer }>;
  tags(name: string): Promise<string[]>;
  referrers(name: string, digest: string): Promise<Descriptor[]>;
  request(pathname: string, init?: RequestInit): Promise<Response>;
};

export type Platform = {
  architecture: string;
  os: string;
  "os.version"?: string;
  "os.features"?: string[];
  variant?: string;
};

export type Descriptor = {
  mediaType: string;
  digest: string;
  size: number;
  urls?: string[];
  annotations?: Record<string, string>;
  artifactType?: string;
  platform?: Platform;
};

export type ManifestBody = {
  schemaVersion: 2;
  mediaType?: string;
  artifactType?: string;
  config?: Descriptor;
  layers?: Descriptor[];
  manifests?: Descriptor[];
  subject?: Descriptor;
  annotations?: Record<string, string>;
};

export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

export function parseManifest(bytes: Uint8Array): ManifestBody {
  return JSON.parse(Buffer.from(bytes).toString()) as ManifestBody;
}

const accept = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** @param credentials `NAME:PASSWORD`, for a registry that is not in open mode */
export function createRegistryReader(host: string, credentials?: string): RegistryReader {
  const request = (pathname: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    if (credentials !== undefined) headers.set("authorization", `Basic ${btoa(credentials)}`);
    return fetch(`http://${host}${pathname}`, { ...init, headers });
  };

  return {
    request,

    async manifest(name, reference) {
      const response = await request(`/v2/${name}/manifests/${reference}`, { headers: { accept } });
      return {
        status: response.status,
        digest: response.headers.get("docker-content-digest") ?? "",
        mediaType: response.headers.get("content-type") ?? "",
        bytes: Buffer.from(await response.arrayBuffer()),
      };
    },

    async blob(name, digest) {
      const response = await request(`/v2/${name}/blobs/${digest}`);
      return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
    },

    async tags(name) {
      const response = await request(`/v2/${name}/tags/list`);
      const body = (await response.json()) as { tags?: string[] };
      return body.tags ?? [];
    },

    async referrers(name, digest) {
      const response = await request(`/v2/${name}/referrers/${digest}`);
      const body = (await response.json()) as { manifests?: Descriptor[] };
      return body.manifests ?? [];
    },
  };
}
