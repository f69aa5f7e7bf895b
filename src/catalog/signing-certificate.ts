import { X509Certificate } from "node:crypto";
import { referrerListAtMost } from "../api/limits.ts";
import { timeIn } from "./image-config.ts";

/** What a certificate that Fulcio issued says about a signer. Neither it nor its signature is verified. */
export interface SigningCertificate {
  /** Mail addresses and URLs of the subject alternative name: of a person, or of a workflow. */
  readonly identities: readonly string[];
  /** Who vouched for the identity: `https://token.actions.githubusercontent.com` */
  readonly identityIssuer: string | undefined;
  /** The name of the authority that signed the certificate. */
  readonly issuer: string;
  readonly validFromMs: number | undefined;
  readonly validToMs: number | undefined;
}

/** A certificate of Fulcio has about 1 KiB. */
const certificateCharactersAtMost = 16 * 1024;

/* Object identifiers in DER. */
const subjectAlternativeName = "551d11";
const fulcioIssuerText = "2b0601040183bf300101";
const fulcioIssuer = "2b0601040183bf300108";

const SEQUENCE = 0x30;
const OBJECT_IDENTIFIER = 0x06;
const OCTET_STRING = 0x04;
/** The extensions of a certificate (RFC 5280, section 4.1). */
const EXTENSIONS = 0xa3;
/** Names in a subject alternative name: mail, DNS and URI (RFC 5280, section 4.2.1.6). */
const textNames: readonly number[] = [0x81, 0x82, 0x86];

/**
 * @param certificate PEM, or the DER in base64
 * @returns `undefined` if it is no certificate
 */
export function readSigningCertificate(certificate: string): SigningCertificate | undefined {
  if (certificate.length > certificateCharactersAtMost) return undefined;
  try {
    const isPem = certificate.includes("-----BEGIN");
    const x509 = new X509Certificate(isPem ? certificate : Buffer.from(certificate, "base64"));
    const extensions = extensionsOf(x509.raw);
    const issuer = extensions.get(fulcioIssuer);
    const [issuerText] = issuer === undefined ? [] : elementsOf(issuer);
    return {
      identities: identitiesIn(extensions.get(subjectAlternativeName)),
      // The older extension is the text itself, the newer one is a string in DER.
      identityIssuer: shown(issuerText?.content ?? extensions.get(fulcioIssuerText)),
      issuer: x509.issuer.replaceAll("\n", ", ").slice(0, 255),
      validFromMs: timeIn(x509.validFrom),
      validToMs: timeIn(x509.validTo),
    };
  } catch {
    // OpenSSL and the reader of DER reject what is no certificate.
    return undefined;
  }
}

function identitiesIn(names: Buffer | undefined): readonly string[] {
  if (names === undefined) return [];
  const [sequence] = elementsOf(names);
  return elementsOf(sequence?.content ?? Buffer.alloc(0))
    .filter(({ tag }) => textNames.includes(tag))
    .slice(0, referrerListAtMost)
    .map(({ content }) => shown(content) ?? "");
}

const shown = (bytes: Buffer | undefined): string | undefined =>
  bytes?.toString("utf8").slice(0, 1024);

/** The values of the extensions by their object identifiers in hexadecimal digits. */
function extensionsOf(der: Buffer): ReadonlyMap<string, Buffer> {
  const [certificate] = elementsOf(der);
  const [toBeSigned] = elementsOf(certificate?.content ?? der);
  const extensions = elementsOf(toBeSigned?.content ?? der).find(({ tag }) => tag === EXTENSIONS);
  const [list] = elementsOf(extensions?.content ?? Buffer.alloc(0));
  const found = new Map<string, Buffer>();
  for (const { tag, content } of elementsOf(list?.content ?? Buffer.alloc(0))) {
    if (tag !== SEQUENCE) continue;
    const parts = elementsOf(content);
    const id = parts.find((part) => part.tag === OBJECT_IDENTIFIER);
    const value = parts.find((part) => part.tag === OCTET_STRING);
    if (id !== undefined && value !== undefined)
      found.set(id.content.toString("hex"), value.content);
  }
  return found;
}

interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

/** The elements of DER that follow each other. Throws RangeError for a length beyond the bytes. */
function elementsOf(der: Buffer): readonly Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < der.length;) {
    const tag = der.readUInt8(at);
    let length = der.readUInt8(at + 1);
    at += 2;
    if (length > 0x80) {
      const bytes = length - 0x80;
      length = der.readUIntBE(at, bytes);
      at += bytes;
    }
    if (at + length > der.length) throw new RangeError("an element of DER is longer than its text");
    elements.push({ tag, content: der.subarray(at, at + length) });
    at += length;
  }
  return elements;
}
