import process from "node:process";
import { test } from "node:test";
import { adminPassword, startBerth } from "../clients/support/berth.ts";
import { assertConforms, dev, stable } from "./program.ts";

/**
 * The results are the same in open mode and with accounts. The suite requests no token for the repository that it
 * mounts from, so that with accounts this repository must be public.
 */
const modes = [
  { mode: "open", open: true, berthSettings: {}, login: {} },
  {
    mode: "accounts",
    open: false,
    berthSettings: { BERTH_REPOSITORIES_DEFAULT_VISIBILITY: "public" },
    login: { OCI_USERNAME: "admin", OCI_PASSWORD: adminPassword },
  },
];

// After a redirect the answer of the S3 server has no Docker-Content-Digest, which the next version requires for blobs.
const redirected = process.env["BERTH_STORAGE_S3_REDIRECT"] === "true";
const profiles = redirected ? [stable] : [stable, dev];

for (const { mode, open, berthSettings, login } of modes)
  for (const { sparse, settings, turnedOff, ...profile } of profiles) {
    const name = `${profile.name} ${mode}`;
    test(`all checks of the distribution-spec suite pass in the profile ${name}`, async () => {
      const { host } = await startBerth({ sparse, open, settings: berthSettings });
      const registry = { host, namespace: `conformance-${mode}` };
      await assertConforms(name, registry, { settings: { ...login, ...settings }, turnedOff });
    });
  }
