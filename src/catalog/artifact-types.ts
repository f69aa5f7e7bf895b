import { isImageConfig, OCI_EMPTY } from "../oci/media-types.ts";

/** What a tag points at, if it is neither an index nor a container image. */
export type ArtifactType =
  | "helm"
  | "wasm"
  | "signature"
  | "attestation"
  | "sbom"
  | "plugin"
  | "compose"
  | "model"
  | "other";

/** The media types of a manifest that say what it is. */
export interface MediaTypes {
  readonly kind: "image" | "index" | "opaque";
  readonly mediaType: string;
  readonly artifactType: string | null;
  readonly configMediaType: string | null;
  /** Of the first layer; `undefined`: there is none. */
  readonly layerMediaType: string | undefined;
}

interface Words {
  readonly type: ArtifactType;
  readonly words: string;
}

/** The first one that a media type matches. */
const known: readonly (Words & { readonly mediaTypes: RegExp })[] = [
  { mediaTypes: /^application\/vnd\.cncf\.helm\./, type: "helm", words: "Helm chart" },
  { mediaTypes: /\bwasm\b/, type: "wasm", words: "WebAssembly module" },
  { mediaTypes: /\bcosign\b.*\bsig/, type: "signature", words: "cosign signature" },
  { mediaTypes: /\bcosign\.simplesigning\b/, type: "signature", words: "cosign signature" },
  { mediaTypes: /\bnotary\.signature\b/, type: "signature", words: "Notation signature" },
  { mediaTypes: /\bsigstore\.bundle\b/, type: "signature", words: "Sigstore bundle" },
  { mediaTypes: /\bspdx\b/, type: "sbom", words: "SBOM (SPDX)" },
  { mediaTypes: /\bcyclonedx\b/, type: "sbom", words: "SBOM (CycloneDX)" },
  { mediaTypes: /\bsyft\b/, type: "sbom", words: "SBOM (Syft)" },
  { mediaTypes: /\bsbom\b/, type: "sbom", words: "SBOM" },
  { mediaTypes: /\bin-toto\b|\bdsse\b/, type: "attestation", words: "attestation" },
  { mediaTypes: /^application\/vnd\.docker\.plugin\./, type: "plugin", words: "Docker plugin" },
  { mediaTypes: /\bcompose\.project\b/, type: "compose", words: "Compose project" },
  { mediaTypes: /\bdocker\.ai\.|\bcncf\.model\./, type: "model", words: "AI model" },
];

/** A config that says nothing about the content: that of an image, an empty one, and the one that ORAS wrote before 1.1. */
const saysNothing = (configMediaType: string): boolean =>
  isImageConfig(configMediaType) ||
  configMediaType === OCI_EMPTY ||
  configMediaType === "application/vnd.unknown.config.v1+json";

/** Longer than a media type can be (RFC 6838, section 4.2). */
const charactersAtMost = 255;

/** A list of the type, or an empty one. A pusher chose it, and it may be megabytes. */
const shortened = (type: string | null | undefined): readonly string[] =>
  type === null || type === undefined ? [] : [type.slice(0, charactersAtMost)];

const isImageLayer = (mediaType: string): boolean =>
  /\b(?:image\.layer|image\.rootfs)\b/.test(mediaType);

/**
 * What a manifest without a platform is, in words; `undefined`: an index, or a container image whose configuration is not
 * here. cosign stores signatures as images with layers of its own types.
 */
export function artifactWordsOf(types: MediaTypes): Words | undefined {
  const { kind } = types;
  if (kind === "index") return undefined;
  const mediaType = kind === "opaque" ? shortened(types.mediaType) : [];
  const [artifact, config, layer] = [
    // The artifact type of a manifest without one is the type of its config (distribution-spec, referrers).
    shortened(types.artifactType).filter((type) => !saysNothing(type)),
    shortened(types.configMediaType).filter((type) => !saysNothing(type)),
    shortened(types.layerMediaType).filter((type) => !isImageLayer(type)),
  ];
  const told = [...artifact, ...config, ...layer, ...mediaType];
  for (const { mediaTypes, type, words } of known)
    if (told.some((one) => mediaTypes.test(one))) return { type, words };
  const [other] = told;
  return other === undefined ? undefined : { type: "other", words: `artifact ${other}` };
}
