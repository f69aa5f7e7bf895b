import { referrerListAtMost } from "../api/limits.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";
import {
  partsIn,
  readJsonParts,
  textIn,
  type JsonPart,
  type JsonParts,
  type JsonShape,
} from "../oci/json-parts.ts";
import {
  firstDigest,
  MaterialList,
  provenanceKeys,
  provenanceMetadata,
  provenanceOf,
  type Provenance,
} from "./provenance.ts";
import { cyclonedxMetadata, sbomKeys, sbomOf, type PackageList, type Sbom } from "./sbom.ts";
import { signatureKeys, signatureOf, type Annotations, type Signature } from "./signatures.ts";

/** What a layer of a referrer is. `attestation`: a statement of another type; `other`: Berth does not know it. */
export type DocumentKind = "signature" | "sbom" | "provenance" | "attestation" | "other";

/** A document about an image: a signature, an SBOM, or a statement that may be in a signed envelope. */
export interface ReferrerDocument {
  readonly kind: DocumentKind;
  readonly predicateType: string | undefined;
  /** The first content that a statement is about. */
  readonly subjects: readonly Subject[];
  readonly subjectCount: number;
  /** Of a signature, and of the signed envelope of a statement. It is not verified. */
  readonly signature: Signature | undefined;
  readonly sbom: Sbom | undefined;
  readonly provenance: Provenance | undefined;
}

interface Subject {
  readonly name: string;
  readonly digest: string;
}

const simpleSigning = "application/vnd.dev.cosign.simplesigning.v1+json";
const cosignSignature = "https://sigstore.dev/cosign/sign/v1";

const text: JsonShape = { text: 1024 };
/** The keys of all documents that Berth knows: a document is read once, before its kind is known. */
function documentShape(
  packages: PackageList,
  materials: MaterialList,
  subjects: SubjectList,
): JsonShape {
  const body: Readonly<Record<string, JsonShape>> = {
    ...sbomKeys(packages),
    ...provenanceKeys(materials),
    metadata: { keys: { ...cyclonedxMetadata, ...provenanceMetadata } },
  };
  return {
    keys: {
      ...body,
      // in-toto
      _type: text,
      predicateType: text,
      subject: {
        items: { keys: { name: text, digest: { texts: 255 } } },
        take: (part) => subjects.add(part),
      },
      predicate: { keys: body },
      ...signatureKeys,
    },
  };
}

class SubjectList {
  readonly items: Subject[] = [];
  count = 0;

  add(part: JsonPart): void {
    const { name, digest } = partsIn(part);
    this.count += 1;
    if (this.items.length < referrerListAtMost)
      this.items.push({ name: textIn(name) ?? "", digest: firstDigest(partsIn(digest)) });
  }
}

/**
 * Reads the document in a layer of a referrer. Unknown keys and values of wrong types count as missing.
 * Throws JsonError for a text that is no JSON, and JsonBoundError.
 * @param annotations those of the layer
 * @param packages gets the packages of an SBOM
 */
export async function readReferrerDocument(
  content: string,
  { mediaType, annotations }: { readonly mediaType: string; readonly annotations: Annotations },
  packages: PackageList,
  work: YieldingWork,
): Promise<ReferrerDocument> {
  const [materials, subjects] = [new MaterialList(), new SubjectList()];
  const shape = documentShape(packages, materials, subjects);
  const outer = partsIn(await readInSteps(content, shape, work));
  const bundled = partsIn(outer["dsseEnvelope"]);
  const envelope = "payload" in bundled ? bundled : outer;
  const isEnvelope = textIn(envelope["payloadType"]) !== undefined;
  const payload = isEnvelope ? textIn(envelope["payload"]) : undefined;
  let statement = outer;
  if (payload !== undefined) {
    await work.step();
    const decoded = Buffer.from(payload, "base64").toString("utf8");
    await work.step();
    statement = partsIn(await readInSteps(decoded, shape, work));
  }
  const predicateType = textIn(statement["predicateType"]) ?? predicateTypeIn(annotations);
  const body = "predicateType" in statement ? statement["predicate"] : statement;
  const sbom = sbomOf(body, packages);
  const kind = sbom === undefined ? kindOf(outer, statement, predicateType, mediaType) : "sbom";
  return {
    kind,
    predicateType,
    subjects: subjects.items,
    subjectCount: subjects.count,
    signature: signatureOf(outer, envelope, subjects.items[0]?.digest || undefined, annotations),
    sbom,
    provenance: kind === "provenance" ? provenanceOf(body, materials) : undefined,
  };
}

/** What a layer seems to be whose content was not read. */
export function unreadDocument(mediaType: string, annotations: Annotations): ReferrerDocument {
  const predicateType = predicateTypeIn(annotations);
  const isSbom = /spdx|cyclonedx|sbom/i.test(mediaType);
  return {
    kind: isSbom ? "sbom" : kindOf({}, {}, predicateType, mediaType),
    predicateType,
    ...{ subjects: [], subjectCount: 0 },
    ...{ signature: undefined, sbom: undefined, provenance: undefined },
  };
}

async function readInSteps(
  content: string,
  shape: JsonShape,
  work: YieldingWork,
): Promise<JsonPart> {
  const reading = readJsonParts(content, shape);
  for (;;) {
    const step = reading.next();
    if (step.done === true) return step.value;
    await work.step();
  }
}

function kindOf(
  outer: JsonParts,
  statement: JsonParts,
  predicateType: string | undefined,
  mediaType: string,
): DocumentKind {
  if (predicateType === cosignSignature || mediaType === simpleSigning) return "signature";
  if ("critical" in outer || "messageSignature" in outer) return "signature";
  if (predicateType === undefined) return "_type" in statement ? "attestation" : "other";
  if (predicateType.startsWith("https://slsa.dev/provenance/")) return "provenance";
  return /\b(?:spdx|cyclonedx)\b/i.test(predicateType) ? "sbom" : "attestation";
}

const predicateTypeIn = (annotations: Annotations): string | undefined =>
  annotations["in-toto.io/predicate-type"] ?? annotations["predicateType"];
