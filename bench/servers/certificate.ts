import { execFileSync } from "node:child_process";
import path from "node:path";

/** The paths of two PEM files. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** Makes a self-signed certificate for 127.0.0.1 with the `openssl` command, valid for 2 days. */
export function createCertificate(folder: string): Certificate {
  const certificate = path.join(folder, "cert.pem");
  const key = path.join(folder, "key.pem");
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"].concat(
      ["-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=bench"],
      ["-addext", "subjectAltName=IP:127.0.0.1"],
    ),
    { stdio: "ignore" },
  );
  return { certificate, key };
}
