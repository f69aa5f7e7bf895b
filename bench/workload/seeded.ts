import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { bytesOf } from "../client/content.ts";
import { createImage } from "../client/image.ts";
import { KiB, MiB } from "../support/table.ts";
import type { Place } from "./work.ts";
import { runClient } from "./work.ts";

/** The images that are pushed before the workloads read them. */
export const small = {
  repository: "bench/small",
  tag: "latest",
  seed: "small",
  layerBytes: [10 * KiB],
};
export const large = {
  repository: "bench/large",
  tag: "latest",
  seed: "large",
  layerBytes: [64 * MiB],
};
export const pulled = {
  repository: "bench/pulled",
  tag: "latest",
  seed: "pulled",
  layerBytes: [6_500_000, 3_000_000, 500_000],
};

/** Pushes these images, or writes their files for a static file server. */
export async function seed(
  { server, running }: Pick<Place, "server" | "running">,
  root: string,
): Promise<void> {
  for (const image of [small, large, pulled]) {
    if (server.limit) writeFiles(path.join(root, "www/v2", image.repository), image);
    else {
      const { failures } = await runClient("seedImage", { host: running.host, ...image });
      if (failures.length > 0) throw new Error(`${server.name}: ${failures.join("; ")}`);
    }
  }
}

function writeFiles(folder: string, { seed, tag, layerBytes }: typeof small): void {
  const image = createImage(seed, layerBytes);
  for (const part of ["manifests", "blobs"])
    mkdirSync(path.join(folder, part), { recursive: true });
  for (const reference of [tag, image.digest])
    writeFileSync(path.join(folder, "manifests", reference), image.manifest);
  for (const { digest, content } of image.blobs)
    writeFileSync(path.join(folder, "blobs", digest), bytesOf(content));
}
