import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { attempt } from "../clients/support/command.ts";
import { parseResults, problemsIn } from "./results.ts";

const reports = path.join(import.meta.dirname, "../../test-results/conformance");

interface Profile {
  readonly name: string;
  readonly sparse: boolean;
  /** Variables of the program. */
  readonly settings: Readonly<Record<string, string>>;
  /** The checks that this profile disables. */
  readonly turnedOff: readonly string[];
}

export const stable: Profile = {
  name: "stable",
  sparse: false,
  settings: {},
  // Checks of the next version of the specification, and of features that are optional for a registry.
  turnedOff: [
    ...["Blob upload cancel", "blob-post-cancel", "Manifest put with tag params"],
    ...["Tag Param", "Tag Param sha512", "Sparse Manifests"],
  ],
};

export const dev: Profile = {
  name: "dev",
  sparse: true,
  settings: { OCI_VERSION: "dev", OCI_DATA_SPARSE: "true" },
  turnedOff: [],
};

/** Runs the program on the repositories `NAMESPACE/repo1` and `repo2`. All checks that the profile has must pass. */
export async function assertConforms(
  name: string,
  registry: { readonly host: string; readonly namespace: string },
  { settings, turnedOff }: Pick<Profile, "settings" | "turnedOff">,
): Promise<void> {
  const folder = path.join(reports, name.replace(" ", "-"));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { code } = await attempt("conformance", [], {
    env: {
      OCI_REGISTRY: registry.host,
      OCI_TLS: "disabled",
      OCI_RESULTS_DIR: folder,
      OCI_REPO1: `${registry.namespace}/repo1`,
      OCI_REPO2: `${registry.namespace}/repo2`,
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
}
