import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import type { BlobKey, StoredObject } from "../blob-store.ts";
import { absent } from "./not-found.ts";
import { bornAtMs, isKey } from "./paths.ts";

/** Every blob below the folder `blobs` of `root`. */
export async function* listBlobs(root: string, blobs: string): AsyncIterable<StoredObject> {
  for (const algorithm of await readdir(blobs)) {
    for (const fanOut of (await readdir(path.join(blobs, algorithm)).catch(absent)) ?? []) {
      for (const name of (await readdir(path.join(blobs, algorithm, fanOut)).catch(absent)) ?? []) {
        const key: BlobKey = `blobs/${algorithm}/${fanOut}/${name}`;
        const found = isKey(key) ? await stat(path.join(root, key)).catch(absent) : undefined;
        if (found !== undefined) yield { key, sizeBytes: found.size, bornAtMs: bornAtMs(key) };
      }
    }
  }
}
