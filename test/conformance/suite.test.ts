import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { adminPassword, startBerth } from "../clients/support/berth.ts";
import { attempt } from "../clients/support/command.ts";
import { parseResults, problemsIn } from "./results.ts";

const reports = path.join(import.meta.dirname, "../../test-results/conformance");

const profiles = [
  {
    name: "stable",
    sparse: false,
    settings: {},
    // Checks of the next version of the specification, and of features that are optional for a registry.
    turnedOff: [
      ...["Blob upload cancel", "blob-post-cancel", "Manifest put with tag params"],
      ...["Tag Param", "Tag Param sha512", "Sparse Manifests"],
    ],
  },
  {
    name: "dev",
    sparse: true,
    settings: { OCI_VERSION: "dev", OCI_DATA_SPARSE: "true" },
    turnedOff: [],
  },
];

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
const asked = profiles.filter(({ name }) => !(redirected && name === "dev"));

const runs = modes.flatMap((mode) =>
  asked.map((profile) => ({ ...profile, ...mode, name: `${profile.name} ${mode.mode}` })),
);

for (const run of runs) {
  const { name, mode, sparse, open, berthSettings, login, settings, turnedOff } = run;
  test(`all checks of the distribution-spec suite pass in the profile ${name}`, async () => {
    const berth = await startBerth({ sparse, open, settings: berthSettings });
    const folder = path.join(reports, name.replace(" ", "-"));
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const { code } = await attempt("conformance", [], {
      env: {
        OCI_REGISTRY: berth.host,
        OCI_TLS: "disabled",
        OCI_RESULTS_DIR: folder,
        OCI_REPO1: `conformance-${mode}/repo1`,
        OCI_REPO2: `conformance-${mode}/repo2`,
        ...login,
        ...settings,
      },
      timeoutSeconds: 300,
    });
    const results = parseResults({
      junit: readFileSync(path.join(folder, "junit.xml"), "utf8"),
      yaml: readFileSync(path.join(folder, "results.yaml"), "utf8"),
    });
    const counts = Object.entries(results.counts).map(([status, count]) => `${count} ${status}`);
    console.log(`conformance ${name}: ${counts.join(", ")}`);
    const problems = problemsIn(results, turnedOff);
    for (const problem of problems) console.log(`conformance ${name}: ${problem}`);
    assert.deepEqual(problems, []);
    assert.equal(code, 0);
  });
}
