import type { Digest } from "../oci/digest.ts";
import { OCI_INDEX } from "../oci/media-types.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Referrer } from "../database/registry/manifests.ts";
import type { Database } from "../database/database.ts";

/** Clients read one document of at most 4 MiB; a page ends before that. */
const largestDocumentBytes = 4 * 1024 * 1024 - 64 * 1024;
const rowsAtFirst = 8;
const rowsAtMost = 500;

export interface ReferrersPage {
  /** An image index, as JSON text. */
  readonly document: string;
  /** The next page begins behind this digest; `undefined` on the last one. */
  readonly next: string | undefined;
}

export type Referrers = ReturnType<typeof createReferrers>;

export function createReferrers({ database }: { readonly database: Pick<Database, "manifests"> }) {
  return {
    /**
     * What says that it refers to `subject`, tagged or not. Nothing, no such subject and no such repository all are an
     * empty list: a 404 would make clients believe that the registry has no referrers API.
     *
     * What a client of an older registry wrote under the fallback tag is here too: every manifest with a subject is
     * known by its subject, however it came.
     */
    async list(
      repository: RepositoryName,
      subject: Digest,
      page: {
        readonly last: string | undefined;
        readonly limit: number;
        readonly artifactTypes: readonly string[];
      },
    ): Promise<ReferrersPage> {
      if (page.limit === 0) return document([], undefined);
      const descriptors: string[] = [];
      let bytes = 0;
      let last = page.last;
      let rowsAtOnce = rowsAtFirst;
      for (;;) {
        const wanted = Math.min(page.limit - descriptors.length, rowsAtOnce);
        const query = { last, limit: wanted + 1, artifactTypes: page.artifactTypes };
        const rows = await database.manifests.referrers(repository, subject, query);
        for (const row of rows.slice(0, wanted)) {
          const text = fittingDescriptor(row);
          if (bytes + Buffer.byteLength(text) > largestDocumentBytes)
            return document(descriptors, last);
          bytes += Buffer.byteLength(text) + 1;
          descriptors.push(text);
          last = row.digest;
        }
        if (rows.length <= wanted) return document(descriptors, undefined);
        if (descriptors.length >= page.limit) return document(descriptors, last);
        // As many as will fit if the next are like these; annotations may be megabytes.
        const room = largestDocumentBytes - bytes;
        rowsAtOnce = Math.min(
          Math.max(1, Math.floor((room * descriptors.length) / bytes)),
          rowsAtMost,
        );
      }
    },
  };
}

function document(descriptors: readonly string[], next: string | undefined): ReferrersPage {
  const manifests = descriptors.join(",");
  return {
    document: `{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":[${manifests}]}`,
    next,
  };
}

/** Where even one descriptor would be too long a document, its annotations stay in the manifest. */
function fittingDescriptor(referrer: Referrer): string {
  const text = descriptorOf(referrer);
  if (Buffer.byteLength(text) <= largestDocumentBytes) return text;
  return descriptorOf({ ...referrer, annotations: null });
}

function descriptorOf(referrer: Referrer): string {
  return JSON.stringify({
    mediaType: referrer.mediaType,
    digest: referrer.digest,
    size: referrer.sizeBytes,
    ...(referrer.artifactType === null ? {} : { artifactType: referrer.artifactType }),
    ...(referrer.annotations === null
      ? {}
      : { annotations: JSON.parse(referrer.annotations) as unknown }),
  });
}
