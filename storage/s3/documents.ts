import { text } from "node:stream/consumers";
import type { Readable } from "node:stream";
import { checkedDocumentName, isDocumentName, type DocumentStore } from "../documents.ts";
import { openBucket, type S3Settings } from "./bucket.ts";
import { deleteObject, getObject, listObjects, putObject } from "./objects.ts";
import { defaultRetryPolicy, type RetryPolicy } from "./requests.ts";

const suffix = ".json";

/** Documents as objects `<prefix><folder>/<name>.json` of a bucket. */
export function createS3Documents(
  settings: S3Settings,
  folder: string,
  retryPolicy: RetryPolicy = defaultRetryPolicy,
): DocumentStore & { close(): void } {
  const bucket = openBucket(settings, retryPolicy);
  const objectOf = (name: string): string => `${folder}/${checkedDocumentName(name)}${suffix}`;
  return {
    async list() {
      const names: string[] = [];
      for await (const { name } of listObjects(bucket, `${folder}/`)) {
        const inside = name.slice(folder.length + 1);
        const document = inside.endsWith(suffix) ? inside.slice(0, -suffix.length) : "";
        if (isDocumentName(document)) names.push(document);
      }
      return names;
    },

    async read(name) {
      const found = await getObject(bucket, objectOf(name));
      return found && (await text(found.body as Readable));
    },

    write: (name, content) => putObject(bucket, objectOf(name), Buffer.from(content)),

    remove: (name) => deleteObject(bucket, objectOf(name)),

    close: () => bucket.close(),
  };
}
