import { digestOf, type Digest } from "../../src/oci/digest.ts";
import { ociManifest, pushBlob, putManifest } from "../support/berth.ts";

/** Pushes documents of 8 MiB: SBOMs, envelopes, and JSON with as many values, levels, keys or escapes as fit. */
export async function pushReferrers(own: Parameters<typeof putManifest>[0]) {
  const filled = (
    begin: string,
    part: (at: number) => string,
    end: string,
    sizeBytes = 8 * 1024 * 1024,
  ): string => {
    const count = Math.floor((sizeBytes - 1000) / (Buffer.byteLength(part(500_000)) + 1));
    return begin + Array.from({ length: count }, (_, at) => part(at)).join(",") + end;
  };
  const sbomOf = (sizeBytes: number) =>
    filled(
      '{"spdxVersion":"SPDX-2.3","packages":[',
      (at) => `{"name":"package ${10_000 + at}","versionInfo":"1","licenseDeclared":"MIT"}`,
      "]}",
      sizeBytes,
    );
  const sbom = sbomOf(8 * 1024 * 1024);
  const enveloped = (payload: string): string =>
    `{"payloadType":"a","payload":"${payload}","signatures":[{"keyid":"a"}]}`;
  const digests: Digest[] = [];
  for (const text of [
    sbom,
    filled('{"packages":[', () => "0", "]}"),
    filled('{"components":[', () => `{"components":[{"name":"ä"}]}`, '],"bomFormat":"CycloneDX"}'),
    filled('{"metadata":{"tools":[', () => `{"name":"a"}`, "]}}"),
    filled("{", (at) => `"key ${100_000 + at}":0`, "}"),
    filled('{"x":[', () => "[[[[[[1]]]]]]", "]}"),
    `{"x":${"[".repeat(8_000_000)}`,
    `{"${"k".repeat(8_000_000)}":0}`,
    `{"name":"${String.raw`\u0041`.repeat(1_390_000)}"}`,
    enveloped(Buffer.from(sbomOf(6_200_000)).toString("base64")),
    enveloped(String.raw`\u0041`.repeat(1_390_000)),
    enveloped("AAAA".repeat(2_000_000)),
  ])
    digests.push(await pushReferrer(own, [text]));
  digests.push(await pushReferrer(own, [sbom, `${sbom} `]));
  return digests;
}

async function pushReferrer(own: Parameters<typeof putManifest>[0], texts: readonly string[]) {
  const layers = [];
  for (const text of texts) {
    const size = Buffer.byteLength(text);
    layers.push({ mediaType: "a/b", digest: await pushBlob(own, "mia/big", text), size });
  }
  const config = { mediaType: "a/b", digest: await pushBlob(own, "mia/big", "{}"), size: 2 };
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: ociManifest, config, layers }),
  );
  await putManifest(own, "mia/big", digestOf(manifest), manifest).expect(201);
  return digestOf(manifest);
}
