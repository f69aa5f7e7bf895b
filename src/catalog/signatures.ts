import {
  listIn,
  partsIn,
  readJsonParts,
  textIn,
  type JsonPart,
  type JsonParts,
  type JsonShape,
} from "../oci/json-parts.ts";
import { readSigningCertificate, type SigningCertificate } from "./signing-certificate.ts";

/** What a signature says about itself. It is not verified. */
export interface Signature {
  /** The digest of the image that a signature says it is for. */
  readonly signedDigest: string | undefined;
  readonly certificate: SigningCertificate | undefined;
  /** The key that the signature names. */
  readonly keyHint: string | undefined;
  /** The entry of the transparency log Rekor. */
  readonly logIndex: number | undefined;
  readonly loggedAtMs: number | undefined;
}

/** Annotations of a layer that cosign and BuildKit write. */
export type Annotations = Readonly<Record<string, string | undefined>>;

const text: JsonShape = { text: 1024 };
const certificate: JsonShape = { keys: { rawBytes: { text: 16 * 1024 } } };
const envelopeKeys: Readonly<Record<string, JsonShape>> = {
  payloadType: text,
  payload: { text: Infinity },
  signatures: { items: { keys: { keyid: text } } },
};

/** The keys of signatures and of signed envelopes. */
export const signatureKeys: Readonly<Record<string, JsonShape>> = {
  // DSSE
  ...envelopeKeys,
  // A bundle of sigstore
  dsseEnvelope: { keys: envelopeKeys },
  messageSignature: { keys: { messageDigest: { keys: { algorithm: text, digest: text } } } },
  verificationMaterial: {
    keys: {
      certificate,
      x509CertificateChain: { keys: { certificates: { items: certificate } } },
      publicKey: { keys: { hint: text } },
      tlogEntries: { items: { keys: { logIndex: text, integratedTime: text } } },
    },
  },
  // A signature of cosign (containers/image, "simple signing")
  critical: { keys: { type: text, image: { keys: { "docker-manifest-digest": text } } } },
};

/** The signature of a document, from it or from cosign's annotations of the layer; `undefined`: it is not signed. */
export function signatureOf(
  outer: JsonParts,
  envelope: JsonParts,
  subject: string | undefined,
  annotations: Annotations,
): Signature | undefined {
  const { critical, messageSignature, verificationMaterial } = outer;
  if (
    critical === undefined &&
    messageSignature === undefined &&
    listIn(envelope["signatures"]).length === 0
  )
    return undefined;
  const material = partsIn(verificationMaterial);
  const chain = listIn(partsIn(material["x509CertificateChain"])["certificates"]);
  const encoded =
    textIn(partsIn(material["certificate"])["rawBytes"]) ??
    textIn(partsIn(chain[0])["rawBytes"]) ??
    annotations["dev.sigstore.cosign/certificate"];
  const [entry] = listIn(material["tlogEntries"]);
  const log = entry === undefined ? logEntryIn(annotations) : partsIn(entry);
  const image = partsIn(partsIn(critical)["image"]);
  const [signed] = listIn(envelope["signatures"]);
  return {
    signedDigest:
      textIn(image["docker-manifest-digest"]) ?? messageDigestIn(messageSignature) ?? subject,
    certificate: encoded === undefined ? undefined : readSigningCertificate(encoded),
    keyHint: textIn(partsIn(material["publicKey"])["hint"]) ?? textIn(partsIn(signed)["keyid"]),
    logIndex: integerIn(log["logIndex"]),
    loggedAtMs: secondsIn(log["integratedTime"]),
  };
}

/** cosign's bundle of a signature that is not a bundle of sigstore. */
function logEntryIn(annotations: Annotations): JsonParts {
  const shape = { keys: { Payload: { keys: { logIndex: text, integratedTime: text } } } };
  try {
    const step = readJsonParts(annotations["dev.sigstore.cosign/bundle"] ?? "{}", shape).next();
    // A bundle is shorter than one step.
    return partsIn(partsIn(step.value)["Payload"]);
  } catch {
    return {};
  }
}

function messageDigestIn(messageSignature: JsonPart): string | undefined {
  const { algorithm, digest } = partsIn(partsIn(messageSignature)["messageDigest"]);
  const bytes = Buffer.from(textIn(digest) ?? "", "base64");
  if (bytes.length === 0 || algorithm !== "SHA2_256") return undefined;
  return `sha256:${bytes.toString("hex")}`;
}

function integerIn(part: JsonPart): number | undefined {
  const number = Number(textIn(part) ?? NaN);
  return Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

/** A time in seconds since the epoch, if RFC 3339 can write it. */
function secondsIn(part: JsonPart): number | undefined {
  const seconds = integerIn(part);
  return seconds !== undefined && seconds < 253_402_300_800 ? seconds * 1000 : undefined;
}
