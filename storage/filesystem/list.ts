import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import type { BlobKey, StoredObject } from "../blob-store.ts";
import { undefinedIfNotFound } from "./not-found.ts";
import { createdAtMs, isKey } from "./paths.ts";

/** All blobs below the folder `blobs` of `root`. */
export async function* listBlobs(root: string, blobs: string): AsyncIterable<StoredObject> {
  for (const algorithm of await readdir(blobs)) {
    for (const fanOut of (await readdir(path.join(blobs, algorithm)).catch(undefinedIfNotFound)) ??
      []) {
      for (const name of (await readdir(path.join(blobs, algorithm, fanOut)).catch(
        undefinedIfNotFound,
      )) ?? []) {
        const key: BlobKey = `blobs/${algorithm}/${fanOut}/${name}`;
        const found = isKey(key)
          ? await stat(path.join(root, key)).catch(undefinedIfNotFound)
          : undefined;
        if (found !== undefined)
          yield { key, sizeBytes: found.size, createdAtMs: createdAtMs(key) };
      }
    }
  }
}
