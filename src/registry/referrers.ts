import type { Digest } from "../oci/digest.ts";
import { OCI_INDEX } from "../oci/media-types.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Referrer } from "../database/registry/manifests.ts";
import type { Database } from "../database/contract.ts";

/** Clients read a document of at most 4 MiB; a page ends below that limit. */
const largestDocumentBytes = 4 * 1024 * 1024 - 64 * 1024;
const rowsAtFirst = 8;
const rowsAtMost = 500;

export interface ReferrersPage {
  /** An image index, as JSON text. */
  readonly document: string;
  /** The next page begins after this digest; `undefined` on the last page. */
  readonly next: string | undefined;
}

export type Referrers = ReturnType<typeof createReferrers>;

export function createReferrers({ database }: { readonly database: Pick<Database, "manifests"> }) {
  return {
    /**
     * The manifests of this repository whose `subject` is this digest, tagged or untagged. The list is empty if there
     * are none, or if the subject or the repository does not exist: after a 404, clients assume that the registry has
     * no referrers API.
     *
     * The list includes the manifests of clients that use the fallback tag: every pushed manifest is indexed by its
     * `subject`.
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
        // The number of rows that fit if the next rows have the same size; annotations can be megabytes long.
        const freeBytes = largestDocumentBytes - bytes;
        rowsAtOnce = Math.min(
          Math.max(1, Math.floor((freeBytes * descriptors.length) / bytes)),
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

/** If a single descriptor exceeds the page limit, it is listed without its annotations. */
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
