import type { Digest } from "../oci/digest.ts";
import { OCI_INDEX } from "../oci/media-types.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Referrer } from "../metadata/manifests.ts";
import type { Metadata } from "../metadata/metadata.ts";

/** Clients read one document of at most 4 MiB; a page ends before that. */
const largestDocumentBytes = 4 * 1024 * 1024 - 64 * 1024;
const rowsAtOnce = 1_000;

export interface ReferrersPage {
  /** An image index, as JSON text. */
  readonly document: string;
  /** The next page begins behind this digest; `undefined` on the last one. */
  readonly next: Digest | undefined;
}

export type Referrers = ReturnType<typeof createReferrers>;

export function createReferrers({ metadata }: { readonly metadata: Pick<Metadata, "manifests"> }) {
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
      const limit = Math.min(page.limit, rowsAtOnce);
      const rows = await metadata.manifests.referrers(repository, subject, {
        ...page,
        limit: limit + 1,
      });
      const descriptors: string[] = [];
      let bytes = 0;
      for (const row of rows.slice(0, limit)) {
        let text = descriptorOf(row);
        if (Buffer.byteLength(text) > largestDocumentBytes) {
          // Even alone it would be too long a document: who wants its annotations finds them in the manifest.
          text = descriptorOf({ ...row, annotations: null });
        }
        bytes += Buffer.byteLength(text) + 1;
        if (bytes > largestDocumentBytes) break;
        descriptors.push(text);
      }
      const last = rows[descriptors.length - 1];
      return {
        document: `{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":[${descriptors.join(",")}]}`,
        next: rows.length > descriptors.length ? last?.digest : undefined,
      };
    },
  };
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
