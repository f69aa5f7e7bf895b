import { createHash } from "node:crypto";
import { linkSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { baseBlobs, baseManifest } from "./base-images.ts";
import { tagNames, largest } from "./fill.ts";
import { describeRepository, rareWord, usualWord } from "./names.ts";
import { again, walk, type Pages } from "./pages.ts";

/*
 * Writes the same repositories directly into the data folders of other registries. 100,000 pushes would take an hour.
 */

const digestOf = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** distribution answers `_catalog` and `tags/list` from the folders, so the images need not exist. */
export function fillDistribution(data: string, repositories: number, tags: number): void {
  const digest = `sha256:${digestOf(baseManifest().bytes)}`;
  const root = path.join(data, "docker/registry/v2/repositories");
  for (let number = 0; number < repositories; number += 1) {
    const { name } = describeRepository(number);
    const names = name === largest ? tagNames(tags) : ["latest"];
    for (const tag of names) {
      const current = path.join(root, name, "_manifests/tags", tag, "current");
      mkdirSync(current, { recursive: true });
      writeFileSync(path.join(current, "link"), digest);
    }
  }
}

/** Writes OCI layouts, which zot reads at its start. All of them have hard links to the same files. */
export function fillZot(data: string, repositories: number): void {
  const { bytes, mediaType } = baseManifest();
  const blobs = [...baseBlobs(), bytes];
  const index = JSON.stringify({
    schemaVersion: 2,
    manifests: [
      {
        mediaType,
        ...{ digest: `sha256:${digestOf(bytes)}`, size: bytes.length },
        annotations: { "org.opencontainers.image.ref.name": "latest" },
      },
    ],
  });
  for (let number = 0; number < repositories; number += 1) {
    const home = path.join(data, describeRepository(number).name);
    const first = path.join(data, describeRepository(0).name);
    mkdirSync(path.join(home, "blobs/sha256"), { recursive: true });
    writeFileSync(path.join(home, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
    writeFileSync(path.join(home, "index.json"), index);
    for (const blob of blobs) {
      const file = path.join("blobs/sha256", digestOf(blob));
      if (number === 0) writeFileSync(path.join(home, file), blob);
      else linkSync(path.join(first, file), path.join(home, file));
    }
  }
}

export const distributionPages: Readonly<Record<string, Pages>> = {
  "_catalog, walk": walk("/v2/_catalog?n=100"),
  "_catalog, behind 50,000": again("/v2/_catalog?n=100&last=acme/scheduler-web-n29265"),
  "tags/list of 100,000, walk": walk(`/v2/${largest}/tags/list?n=100`),
};

const searchOf = (word: string): Pages => {
  const query = `{GlobalSearch(query:"${word}",requestedPage:{limit:25}){Page{TotalCount} Repos{Name}}}`;
  return again(`/v2/_zot/ext/search?query=${encodeURIComponent(query)}`);
};

export const zotPages: Readonly<Record<string, Pages>> = {
  "_catalog, walk": walk("/v2/_catalog?n=100"),
  [`search ${usualWord} (one in 25)`]: searchOf(usualWord),
  [`search ${rareWord} (a few)`]: searchOf(rareWord),
  "search e (nearly all)": searchOf("e"),
};
