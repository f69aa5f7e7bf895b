import { digestOf, type Digest } from "../../../../src/oci/digest.ts";
import * as types from "../../../../src/oci/media-types.ts";
import { pushImageParts, putManifest, type TestBerth } from "../../../support/berth.ts";

/** Parts of the test bodies. The blobs and the child exist, so only the document can be the reason to reject it. */
export interface Parts {
  readonly config: string;
  readonly layer: string;
  readonly child: string;
  /** A valid image manifest and a valid index, as text. */
  readonly image: string;
  readonly index: string;
  /** The manifest of the tag `before`. */
  readonly pushed: Digest;
}

interface RejectedBody {
  readonly name: string;
  readonly body: (parts: Parts) => string | Uint8Array;
  readonly type?: string;
}

const descriptor = (mediaType: string, digest: Digest, size: number): string =>
  JSON.stringify({ mediaType, digest, size });

/** Pushes the parts, and the valid image under the tag `before`. */
export async function pushParts(berth: TestBerth, repository: string): Promise<Parts> {
  const pushed = await pushImageParts(berth, repository);
  await putManifest(berth, repository, "before", pushed.manifest).expect(201);
  const config = descriptor(types.OCI_IMAGE_CONFIG, pushed.config, 2);
  const layer = descriptor(types.OCI_LAYER, pushed.layer, 7);
  const child = descriptor(types.OCI_MANIFEST, pushed.digest, pushed.manifest.length);
  return {
    pushed: pushed.digest,
    config,
    layer,
    child,
    image: `{"schemaVersion":2,"mediaType":"${types.OCI_MANIFEST}","config":${config},"layers":[${layer}]}`,
    index: `{"schemaVersion":2,"mediaType":"${types.OCI_INDEX}","manifests":[${child}]}`,
  };
}

/** The text of the image manifest with one more field in front of the others. */
export const withField =
  (field: string) =>
  ({ image }: Parts): string =>
    image.replace("{", `{${field},`);

export const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

const inIndex = { type: types.OCI_INDEX };

/** Bodies with one mistake each. */
export const rejectedBodies: readonly RejectedBody[] = [
  { name: "nothing", body: () => "" },
  { name: "only white space", body: () => " \r\n\t" },
  { name: "no JSON", body: () => "<html>not a manifest</html>" },
  { name: "JSON cut short", body: ({ image }) => image.slice(0, -1) },
  { name: "JSON with a comment", body: ({ image }) => `${image} // fine` },
  { name: "JSON with a comma too many", body: ({ image }) => image.replace("]}", "],}") },
  { name: "JSON in single quotes", body: ({ image }) => image.replaceAll('"', "'") },
  { name: "NaN", body: withField('"org.example":NaN') },
  { name: "a leading zero", body: withField('"org.example":01') },
  { name: "a control character in a string", body: withField('"org.example":"\u0001"') },
  { name: "another document behind it", body: ({ image }) => image + image },
  { name: "a NUL behind it", body: ({ image }) => `${image}\0` },
  { name: "a byte order mark", body: ({ image }) => `\ufeff${image}` },
  { name: "UTF-16", body: ({ image }) => Buffer.from(image, "utf16le") },
  {
    name: "a byte that is no UTF-8",
    body: (parts) => Buffer.from(withField('"org.example":"\u00ff"')(parts), "latin1"),
  },
  {
    name: "an overlong encoding",
    body: (parts) => Buffer.from(withField('"org.example":"\u00c0\u00af"')(parts), "latin1"),
  },
  {
    name: "an encoded surrogate",
    body: (parts) => Buffer.from(withField('"org.example":"\u00ed\u00a0\u0080"')(parts), "latin1"),
  },
  { name: "a list", body: ({ image }) => `[${image}]` },
  { name: "null", body: () => "null" },
  { name: "a string", body: ({ image }) => JSON.stringify(image) },

  { name: "a key twice", body: withField('"schemaVersion":2') },
  { name: "an unknown key twice", body: withField('"x":1,"x":1') },
  { name: "a key twice, once escaped", body: withField(String.raw`"schemaV\u0065rsion":2`) },
  {
    name: "layers twice",
    body: ({ config, layer }) =>
      `{"schemaVersion":2,"config":${config},"layers":[${layer}],"layers":[]}`,
  },
  {
    name: "a key twice deep inside",
    body: ({ image }) => image.replace('"size":7', '"size":7,"size":8'),
  },
  { name: "a key that differs in case", body: withField('"Layers":[]') },
  { name: "a key that differs as Go folds case: a long s", body: withField('"layerſ":[]') },
  { name: "a key in upper case that an image may leave out", body: withField('"SUBJECT":null') },
  {
    name: "a descriptor's key that differs in case",
    body: ({ image }) => image.replace('"size":7', '"size":7,"Digest":"x"'),
  },
  {
    name: "a platform's key that differs in case",
    body: ({ index }) => index.replace('"size"', '"platform":{"OS":"linux"},"size"'),
    ...inIndex,
  },

  { name: "manifests beside layers", body: withField('"manifests":[]') },
  { name: "manifests of null beside layers", body: withField('"manifests":null') },
  {
    name: "an index with layers",
    body: ({ index, layer }) => index.replace("{", `{"layers":[${layer}],`),
    ...inIndex,
  },
  {
    name: "an index with a config",
    body: ({ index, config }) => index.replace("{", `{"config":${config},`),
    ...inIndex,
  },
  {
    name: "an index with fsLayers",
    body: ({ index }) => index.replace("{", '{"fsLayers":[],'),
    ...inIndex,
  },
  {
    name: "manifests and layers under an unknown type",
    body: () => '{"manifests":[],"layers":[]}',
    type: "application/vnd.example+json",
  },

  { name: "an integer no double holds", body: withField('"org.example":9007199254740993') },
  {
    name: "a size no double holds",
    body: ({ image }) => image.replace('"size":7', '"size":9007199254740992'),
  },
  { name: "a number out of range", body: withField('"org.example":1e400') },
  { name: "a number of too many digits", body: withField('"org.example":0.12345678901234567890') },
  {
    name: "a size that is a fraction",
    body: ({ image }) => image.replace('"size":7', '"size":7.5'),
  },
  { name: "a size below zero", body: ({ image }) => image.replace('"size":7', '"size":-1') },
  { name: "a size as text", body: ({ image }) => image.replace('"size":7', '"size":"7"') },
  { name: "65 levels", body: withField(`"org.example":${nested(64)}`) },
  { name: "a hundred thousand levels", body: withField(`"org.example":${nested(100_000)}`) },

  { name: "schemaVersion 1", body: ({ image }) => image.replace(":2,", ":1,") },
  { name: "schemaVersion 3", body: ({ image }) => image.replace(":2,", ":3,") },
  { name: "schemaVersion as text", body: ({ image }) => image.replace(":2,", ':"2",') },
  { name: "no schemaVersion", body: ({ image }) => image.replace('"schemaVersion":2,', "") },
  {
    name: "no schemaVersion in an index",
    body: ({ index }) => index.replace('"schemaVersion":2,', ""),
    ...inIndex,
  },
  { name: "a mediaType that is not the Content-Type", body: ({ index }) => index },
  {
    name: "a mediaType in other letters than the Content-Type",
    body: ({ image }) => image.replace(types.OCI_MANIFEST, types.OCI_MANIFEST.toUpperCase()),
  },
  {
    name: "a mediaType that is a number",
    body: ({ image }) => image.replace(/"mediaType":"[^"]+"/, '"mediaType":2'),
  },
  { name: "a Content-Type that is none", body: ({ image }) => image, type: "nonsense" },
  {
    name: "the withdrawn artifact type",
    body: () => `{"mediaType":"${types.OCI_ARTIFACT_MANIFEST}","blobs":[]}`,
    type: types.OCI_ARTIFACT_MANIFEST,
  },

  {
    name: "an image without a config",
    body: ({ layer }) => `{"schemaVersion":2,"layers":[${layer}]}`,
  },
  {
    name: "an image without layers",
    body: ({ config }) => `{"schemaVersion":2,"config":${config}}`,
  },
  {
    name: "layers that are an object",
    body: ({ config }) => `{"schemaVersion":2,"config":${config},"layers":{}}`,
  },
  {
    name: "a layer of null",
    body: ({ config }) => `{"schemaVersion":2,"config":${config},"layers":[null]}`,
  },
  { name: "an index without manifests", body: () => '{"schemaVersion":2}', ...inIndex },
  {
    name: "a child that is a text",
    body: () => '{"schemaVersion":2,"manifests":["x"]}',
    ...inIndex,
  },
  { name: "a digest of nothing known", body: ({ image }) => image.replace("sha256:", "md5:") },
  {
    name: "a digest in upper case",
    body: ({ image }) => image.replace(/sha256:\w+/, (digest) => digest.toUpperCase()),
  },
  { name: "a descriptor without a size", body: ({ image }) => image.replace(',"size":7', "") },
  { name: "a subject that is a digest only", body: withField('"subject":"sha256:abc"') },
  {
    name: "a subject without a size",
    body: withField(`"subject":{"mediaType":"a/b","digest":"${digestOf(Buffer.of())}"}`),
  },
  { name: "annotations that are a list", body: withField('"annotations":[]') },
  { name: "an annotation that is a number", body: withField('"annotations":{"a":1}') },
];
