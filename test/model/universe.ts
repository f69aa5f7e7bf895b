import { digestOf, type Digest } from "../../src/oci/digest.ts";
import * as types from "../../src/oci/media-types.ts";

/*
 * The names and contents that the random commands use: so few that commands often use the same ones. `salt` makes the
 * contents unique to one run, so that runs can share a server without effects on each other.
 */

export interface Blob {
  readonly bytes: Buffer;
  readonly digest: Digest;
}

export interface Manifest {
  readonly bytes: Buffer;
  /** By sha256 and by sha512. */
  readonly digests: readonly [Digest, Digest];
  readonly mediaType: string;
  readonly isIndex: boolean;
  /** The digests that must exist before the push, in the order of the document. */
  readonly required: readonly Digest[];
  /** All digests that the document names. */
  readonly named: readonly Digest[];
  readonly subject: Digest | undefined;
  /** As in a list of referrers. */
  readonly artifactType: string | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

export interface Universe {
  readonly repositories: readonly string[];
  readonly tags: readonly string[];
  readonly blobs: readonly Blob[];
  readonly manifests: readonly Manifest[];
  /** A layer that no client can push, because its bytes do not exist. */
  readonly foreign: Digest;
}

export const repositoryCount = 3;
export const blobCount = 6;
export const manifestCount = 9;
export const tags: readonly string[] = ["latest", "1", "1.0", "B"];
export const artifactTypes: readonly string[] = [
  "application/vnd.example.sbom+json",
  types.OCI_EMPTY,
];

export function createUniverse(salt: string): Universe {
  const blob = (text: string, algorithm: "sha256" | "sha512" = "sha256"): Blob => {
    const bytes = Buffer.from(text);
    return { bytes, digest: digestOf(bytes, algorithm) };
  };
  const config = blob(JSON.stringify({ architecture: "arm64", os: "linux", salt }));
  const small = blob(`a small layer ${salt}`);
  const strong = blob(`a layer by sha512 ${salt}`, "sha512");
  // Too large for the registry to keep it in memory during the push.
  const large = blob(`a large layer ${salt} `.repeat(12_000));
  const nothing = blob("");
  const braces = blob(JSON.stringify({ salt }));
  const foreign = digestOf(Buffer.from(`a foreign layer ${salt}`));

  const descriptor = (mediaType: string, digest: Digest, size: number, extra: object = {}) => ({
    mediaType,
    digest,
    size,
    ...extra,
  });
  const layer = ({ digest, bytes }: Blob) => descriptor(types.OCI_LAYER, digest, bytes.length);
  const image = (layers: readonly object[], fields: object = {}, configBlob = config): Manifest =>
    manifestOf({
      schemaVersion: 2,
      mediaType: types.OCI_MANIFEST,
      config: descriptor(
        configBlob === config ? types.OCI_IMAGE_CONFIG : types.OCI_EMPTY,
        configBlob.digest,
        configBlob.bytes.length,
      ),
      layers,
      ...fields,
    });
  const child = ({ mediaType, digests, bytes }: Manifest, which: 0 | 1 = 0) =>
    descriptor(mediaType, digests[which], bytes.length);
  const index = (manifests: readonly object[], fields: object = {}): Manifest =>
    manifestOf({ schemaVersion: 2, mediaType: types.OCI_INDEX, manifests, salt, ...fields });

  const first = image([layer(small), layer(large)]);
  const second = image([layer(strong), layer(nothing)]);
  const windows = image([
    descriptor(types.DOCKER_FOREIGN_LAYER_GZIP, foreign, 9, { urls: ["https://base.example/"] }),
    layer(small),
  ]);
  const sbom = image(
    [],
    {
      artifactType: artifactTypes[0],
      subject: child(first),
      annotations: { "org.example.tool": salt },
    },
    braces,
  );
  const signature = image([layer(small)], { subject: child(first) }, braces);
  const both = index([child(first), child(second)]);
  const nested = index([child(both), child(windows, 1)]);
  const cache = index([layer(small), layer(strong)]);
  const attached = index([], { subject: child(second, 1), annotations: { salt } });

  return {
    repositories: ["b", "a", "a/part"].map((name) => `${salt}/${name}`),
    tags,
    blobs: [config, small, strong, large, nothing, braces],
    manifests: [first, second, windows, sbom, signature, both, nested, cache, attached],
    foreign,
  };
}

interface Reference {
  readonly digest: Digest;
  readonly urls?: readonly string[];
}

/** The facts that the model needs about one of its documents, without the parser of the registry. */
function manifestOf(document: {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly subject?: { readonly digest: Digest };
  readonly annotations?: Readonly<Record<string, string>>;
  readonly config?: Reference & { readonly mediaType: string };
  readonly layers?: readonly object[];
  readonly manifests?: readonly object[];
  readonly salt?: string;
}): Manifest {
  const bytes = Buffer.from(JSON.stringify(document, undefined, 1));
  const references = [
    ...(document.config === undefined ? [] : [document.config]),
    ...(document.layers ?? document.manifests ?? []),
  ] as readonly Reference[];
  return {
    bytes,
    digests: [digestOf(bytes, "sha256"), digestOf(bytes, "sha512")],
    mediaType: document.mediaType,
    isIndex: document.manifests !== undefined,
    required: references.filter(({ urls }) => urls === undefined).map(({ digest }) => digest),
    named: references.map(({ digest }) => digest),
    subject: document.subject?.digest,
    artifactType: document.artifactType ?? document.config?.mediaType,
    annotations: document.annotations,
  };
}
