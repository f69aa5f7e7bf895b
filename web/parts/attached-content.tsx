import type { ManifestAnswer } from "../../src/api/manifests.ts";

/** The content of a signature, SBOM or provenance. */
export function AttachedContent(_: { readonly name: string; readonly manifest: ManifestAnswer }) {
  return null;
}
