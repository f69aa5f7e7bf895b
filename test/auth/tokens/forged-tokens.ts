import { createHmac, generateKeyPairSync, sign as signBytes, type KeyObject } from "node:crypto";

const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString("base64url");
export const decode = (token: string, at: 0 | 1) =>
  JSON.parse(Buffer.from(token.split(".")[at] ?? "", "base64url").toString()) as Record<
    string,
    unknown
  >;

/** Creates a token from any header, claims and signature, so that each may be wrong. */
function forge(header: object, claims: object, sign: (text: string) => Buffer): string {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${sign(text).toString("base64url")}`;
}

const es256 =
  (privateKey: KeyObject) =>
  (text: string): Buffer =>
    signBytes("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" });

/** Changes claims of a valid token, and signs it again with the same key. */
export function resign(
  token: string,
  privateKey: KeyObject,
  changes: Readonly<Record<string, unknown>>,
): string {
  return forge(decode(token, 0), { ...decode(token, 1), ...changes }, es256(privateKey));
}

/**
 * Forged variants of a valid token, by their defect.
 * @param token a valid token, signed with ES256 by `key`
 */
export function forgedTokens(
  token: string,
  key: { readonly privateKey: KeyObject; readonly publicKey: KeyObject },
): Readonly<Record<string, string>> {
  const header = decode(token, 0);
  const claims = decode(token, 1);
  const [head = "", body = "", signature = ""] = token.split(".");
  const now = Number(claims["iat"]);
  const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = stranger.publicKey.export({ format: "jwk" });
  const pem = key.publicKey.export({ type: "spki", format: "pem" });
  const hs256 = (secret: string | Buffer) => (text: string) =>
    createHmac("sha256", secret).update(text).digest();
  const ours = (changes: object, changedHeader: object = {}) =>
    forge({ ...header, ...changedHeader }, { ...claims, ...changes }, es256(key.privateKey));
  const theirs = (changes: object) =>
    forge({ ...header, ...changes }, claims, es256(stranger.privateKey));
  const without = (name: string) => {
    const { [name]: _, ...rest } = claims;
    return forge(header, rest, es256(key.privateKey));
  };
  const tampered = encode({ ...claims, sub: "admin" });
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    "without a signature": `${head}.${body}.`,
    "with a signature that goes on": `${token}AA`,
    "with alg none": `${encode({ alg: "none", typ: "JWT" })}.${body}.`,
    "with alg none, our kid and a signature": forge({ ...header, alg: "none" }, claims, () =>
      Buffer.from("x"),
    ),
    "with alg NoNe": `${encode({ ...header, alg: "NoNe" })}.${body}.${signature}`,
    "with HS256 and our public key in PEM": forge({ ...header, alg: "HS256" }, claims, hs256(pem)),
    "with HS256 and our public key in DER": forge(
      { ...header, alg: "HS256" },
      claims,
      hs256(key.publicKey.export({ type: "spki", format: "der" })),
    ),
    "with HS256 and an empty secret": forge({ ...header, alg: "HS256" }, claims, hs256("")),
    "with another algorithm of the same family": ours({}, { alg: "ES384" }),
    "with RS256 by an RSA key of somebody else": forge(
      { ...header, alg: "RS256" },
      claims,
      (text) => signBytes("sha256", Buffer.from(text), rsa.privateKey),
    ),
    "by another key under our kid": theirs({}),
    "with its key in jwk": theirs({ jwk }),
    "with its key in jwk and no kid": theirs({ kid: undefined, jwk }),
    "with its key behind jku": theirs({ jku: "http://127.0.0.1:1/jwks.json" }),
    "with its certificate behind x5u": theirs({ x5u: "http://127.0.0.1:1/cert.pem" }),
    "with its certificate in x5c": theirs({ x5c: ["MIIB"] }),
    "by our key, with jwk beside the kid": ours({}, { jwk }),
    "by our key, with crit": ours({}, { crit: ["exp"] }),
    "by our key, with another typ": ours({}, { typ: "at+jwt" }),
    "by our key, without a typ": ours({}, { typ: undefined }),
    "with a kid of no key": theirs({ kid: "01ARZ3NDEKTSV4RRFFQ69G5FAV" }),
    "with a kid that is a path": theirs({ kid: "../../../dev/null" }),
    "with a kid that is a query": theirs({ kid: "x' UNION SELECT 'key' --" }),
    "with a kid that is a number": theirs({ kid: 1 }),
    "with a kid of every object": theirs({ kid: "__proto__" }),
    "for another audience": ours({ aud: "other" }),
    "for several audiences, none of them ours": ours({ aud: ["a", "b"] }),
    "by another issuer": ours({ iss: "other" }),
    "that is over": ours({ exp: now - 1 }),
    "that is over this second": ours({ exp: now }),
    "that is not good yet": ours({ nbf: now + 3600 }),
    "that never expires": without("exp"),
    "with a text for exp": ours({ exp: "2999999999" }),
    "without nbf": without("nbf"),
    "without iss": without("iss"),
    "without aud": without("aud"),
    "without access": without("access"),
    "without what we know it by": without("berth"),
    "whose claims were changed": `${head}.${tampered}.${signature}`,
    "whose claims are no JSON": `${head}.${Buffer.from("{").toString("base64url")}.${signature}`,
    "with a number for alg": ours({}, { alg: 1 }),
    "whose claims are no object": forge(header, ["x"], es256(key.privateKey)),
    "with a dot more": `${token}.`,
    "with two dots more": `${token}..`,
    "with a part more": `${token}.${body}`,
    "with five parts": `${head}.${body}.${signature}.${body}.${signature}`,
    "with a dot less": `${head}${body}.${signature}`,
    "of dots": "..",
    "of many dots": ".".repeat(10_000),
    "of nothing": "",
    "that is no JSON": "bm90.bm90.bm90",
    "with a space in it": `${head}. ${body}.${signature}`,
    "in base64 that is not for URLs": `${head}.${body}.${"+/".repeat(40)}`,
    "of a megabyte": `${head}.${"A".repeat(1_000_000)}.${signature}`,
    "with a header of a megabyte": `${encode({ ...header, x: "y".repeat(1_000_000) })}.${body}.${signature}`,
    "with a header as deep as it is long": `${Buffer.from("[".repeat(20_000)).toString(
      "base64url",
    )}.${body}.${signature}`,
  };
}
