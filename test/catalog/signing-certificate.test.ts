import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readSigningCertificate } from "../../src/catalog/signing-certificate.ts";

/** Made with openssl, with the extensions 1.3.6.1.4.1.57264.1.1 and .8 of Fulcio. */
const certificate = `-----BEGIN CERTIFICATE-----
MIICiDCCAi6gAwIBAgIUPN3kaY07gbdLI0gTNWuUrvpmqh0wCgYIKoZIzj0EAwIw
NzEVMBMGA1UECgwMc2lnc3RvcmUuZGV2MR4wHAYDVQQDDBVzaWdzdG9yZS1pbnRl
cm1lZGlhdGUwHhcNMjYxMTMwMDYwNjQ2WhcNMzYxMTI3MDYwNjQ2WjA3MRUwEwYD
VQQKDAxzaWdzdG9yZS5kZXYxHjAcBgNVBAMMFXNpZ3N0b3JlLWludGVybWVkaWF0
ZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPHnAOxmwCpD2KmTxyuKi4gBGCFr
K/S3/anIwuEsvTvXKVn//VlNij93HBnE0iJrjovlVRVJB9O3blciz4XRvPqjggEW
MIIBEjAOBgNVHQ8BAf8EBAMCB4AwEwYDVR0lBAwwCgYIKwYBBQUHAwMwVAYDVR0R
AQH/BEowSIZGaHR0cHM6Ly9naXRodWIuY29tL2FjbWUvYXBwLy5naXRodWIvd29y
a2Zsb3dzL3JlbGVhc2UueW1sQHJlZnMvdGFncy92MTA5BgorBgEEAYO/MAEBBCto
dHRwczovL3Rva2VuLmFjdGlvbnMuZ2l0aHVidXNlcmNvbnRlbnQuY29tMDsGCisG
AQQBg78wAQgELQwraHR0cHM6Ly90b2tlbi5hY3Rpb25zLmdpdGh1YnVzZXJjb250
ZW50LmNvbTAdBgNVHQ4EFgQUHF+2idc7wBufAhGoxhN8ieGxtX4wCgYIKoZIzj0E
AwIDSAAwRQIgW06kzrdtsF+3xy3eMlIZ851sfc/bHFCWhP8GGi+O+ewCIQDFyVL0
EP2DEWWoDOoA7AiiFtDuhkSjMle+LSzdogEFkA==
-----END CERTIFICATE-----
`;

describe("a certificate of a signature", () => {
  test("shows its identity, and who vouched for it", () => {
    assert.deepEqual(readSigningCertificate(certificate), {
      identities: ["https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1"],
      identityIssuer: "https://token.actions.githubusercontent.com",
      issuer: "O=sigstore.dev, CN=sigstore-intermediate",
      validFromMs: Date.parse("2026-11-30T06:06:46Z"),
      validToMs: Date.parse("2036-11-27T06:06:46Z"),
    });
  });

  test("is the same in base64 without PEM", () => {
    const base64 = certificate.replaceAll(/-----.*-----|\n/g, "");
    assert.deepEqual(readSigningCertificate(base64), readSigningCertificate(certificate));
  });

  test("is undefined for text that is none, at whatever byte it breaks", () => {
    const der = Buffer.from(certificate.replaceAll(/-----.*-----|\n/g, ""), "base64");
    for (const text of ["", "x", "-----BEGIN CERTIFICATE-----", "A".repeat(20_000)])
      assert.equal(readSigningCertificate(text), undefined);
    for (let at = 0; at < der.length; at += 1) {
      assert.equal(readSigningCertificate(der.subarray(0, at).toString("base64")), undefined);
      const changed = Buffer.from(der);
      changed[at] = 0xff;
      assert.doesNotThrow(() => readSigningCertificate(changed.toString("base64")));
    }
  });
});
