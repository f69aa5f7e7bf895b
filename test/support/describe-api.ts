import { mkdirSync, mkdtempSync } from "node:fs";
import path from "node:path";
import { after, describe } from "node:test";
import { startBerth, type TestBerth } from "./berth.ts";
import { kindsOfDrivers, type Settings } from "./settings.ts";
import { temporaryFolder } from "./temporary.ts";

/* Tests of the API on each storage driver. */

const shared: Readonly<Record<string, Settings>> = { "two processes": { workers: "2" } };

/** {@link describeApi}, plus a run with two processes on one folder that answer requests alternately. */
export function describeSharedApi(
  name: string,
  tests: (berth: () => TestBerth) => void,
  settings: Settings = {},
): void {
  describeApi(name, tests, settings, { ...kindsOfDrivers(), ...shared });
}

/** Runs the tests on the filesystem driver and the memory driver, or on the S3 server of `npm run s3`. */
export function describeApi(
  name: string,
  tests: (berth: () => TestBerth) => void,
  settings: Settings = {},
  kinds = kindsOfDrivers(),
): void {
  for (const [kind, kindSettings] of Object.entries(kinds)) {
    describe(`${name} (${kind})`, async () => {
      const folder = temporaryFolder();
      mkdirSync(folder, { recursive: true });
      const data = mkdtempSync(path.join(folder, "data-"));
      const berth = await startBerth(data, {
        ...kindSettings,
        ...("storage.s3.bucket" in kindSettings && { "storage.s3.prefix": path.basename(data) }),
        ...settings,
      });
      after(() => berth.close());
      tests(() => berth);
    });
  }
}
