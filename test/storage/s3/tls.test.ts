import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { digestOf } from "../../../src/oci/digest.ts";
import { newKey } from "../../../storage/keys.ts";
import { createS3Store } from "../../../storage/s3/store.ts";
import { startS3Stub } from "../../support/s3/stub.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { pattern, read } from "../bytes.ts";
import { describeDriver } from "../driver-suite.ts";
import { impatience, settingsFor } from "./settings.ts";

const support = path.join(import.meta.dirname, "../../support");

const patienceMs = 5 * 60_000;

// Node reads NODE_EXTRA_CA_CERTS only at its start, so the tests of this file run in a second process.
if (process.argv.includes("trusting")) await defineTests();
else
  test("the tests of an endpoint with TLS pass in a process that trusts its certificates", async () => {
    const trusted = path.join(temporaryFolder(), "trusted.pem");
    const certificates = ["first", "elsewhere"].map((name) =>
      readFileSync(path.join(support, `tls/${name}.cert.pem`)),
    );
    writeFileSync(trusted, Buffer.concat(certificates));
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    await promisify(execFile)(
      process.execPath,
      ["--import", path.join(support, "register.mjs"), import.meta.filename, "trusting"],
      { env: { ...env, NODE_EXTRA_CA_CERTS: trusted }, timeout: patienceMs },
    ).catch(({ stdout }: { readonly stdout: string }) => assert.fail(stdout));
  });

async function defineTests(): Promise<void> {
  const stub = await startS3Stub({ pageSize: 7, certificate: "first" });
  after(() => stub.close());
  describeDriver("s3 over TLS", async () => createS3Store(settingsFor(stub.endpoint)));

  test("reads over TLS use signed URLs, and never the SDK", async () => {
    const bytes = pattern(3_000_000);
    const store = createS3Store(settingsFor(stub.endpoint));
    const key = await store.put(digestOf(bytes), bytes);
    stub.requests.length = 0;
    for (let reads = 0; reads < 3; reads += 1)
      assert.equal(Buffer.compare(await read(await store.open(key)), bytes), 0);
    assert.deepEqual(
      stub.requests.map(({ operation, isSignedUrl }) => ({ operation, isSignedUrl })),
      Array.from({ length: 3 }, () => ({ operation: "get", isSignedUrl: true })),
    );
    await store.delete(key);
    await store.close();
  });

  for (const [certificate, why, code, message] of [
    ["second", "of an unknown authority", "S3_DEPTH_ZERO_SELF_SIGNED_CERT", /self-signed/],
    ["elsewhere", "of another host", "S3_ERR_TLS_CERT_ALTNAME_INVALID", /127\.0\.0\.1/],
  ] as const) {
    test(`a server with the certificate ${why} gets no request, and a read names the reason`, async (t) => {
      const other = await startS3Stub({ certificate });
      t.after(() => other.close());
      const store = createS3Store(settingsFor(other.endpoint), impatience);
      t.after(() => store.close());
      await assert.rejects(store.open(newKey(digestOf(pattern(1)))), { code, message });
      assert.deepEqual(other.requests, []);
    });
  }
}
