import { digestOf, type Digest } from "../../../src/oci/digest.ts";
import { contentOf, type Random } from "../../crash/content.ts";
import type { Ledger } from "../../crash/ledger.ts";
import { octets } from "../../crash/uploader.ts";
import type { Wire } from "../../crash/wire.ts";

const imageType = "application/vnd.oci.image.manifest.v1+json";
const layerType = "application/vnd.oci.image.layer.v1.tar";
/** The number is small, so that every blob is pushed, deleted and pushed again many times. */
const contents = 120;
const blobBytes = 200;
const tags = 3;

export interface ReuseCounts {
  pushed: number;
  skipped: number;
  mounted: number;
  uploaded: number;
  /** Pushes that were rejected because they took longer than the lease. That is allowed. */
  late: number;
}

/** A client that uploads only missing blobs, as real clients do. */
export interface Reuser {
  push(random: Random): Promise<void>;
  /** Deletes one of its tags, or the manifest of that tag. */
  remove(random: Random): Promise<void>;
}

export function createReuser({
  wire,
  ledger,
  index,
  clients,
  leaseMs,
  counts,
}: {
  readonly wire: Wire;
  readonly ledger: Ledger;
  readonly index: number;
  readonly clients: number;
  readonly leaseMs: number;
  readonly counts: ReuseCounts;
}): Reuser {
  const repositoryOf = (client: number): string => `faults/reuser-${client}`;
  const repository = repositoryOf(index);
  const uploads = `/v2/${repository}/blobs/uploads/`;

  const forget = (wanted: (tag: string, digest: Digest) => boolean): void => {
    const gone = ledger.images.filter(
      (image) => image.repository === repository && wanted(image.tag, image.digest),
    );
    for (const image of gone) ledger.images.splice(ledger.images.indexOf(image), 1);
  };

  /** Makes sure that the repository has a blob: by HEAD, by mount from another repository, or by upload. */
  const bring = async (random: Random): Promise<object> => {
    const body = contentOf(`reused/${random.below(contents)}`, blobBytes);
    const digest = digestOf(body);
    const descriptor = { mediaType: layerType, digest, size: body.length };
    const { status } = await wire.send("HEAD", `/v2/${repository}/blobs/${digest}`);
    if (status === 200) {
      counts.skipped += 1;
      return descriptor;
    }
    if (status !== 404) throw new Error(`HEAD of a blob: ${status}`);
    const from = repositoryOf(random.below(clients));
    const mount = await wire.send("POST", `${uploads}?mount=${digest}&from=${from}`);
    if (mount.status === 201) {
      counts.mounted += 1;
      return descriptor;
    }
    if (mount.status !== 202) throw new Error(`mount: ${mount.status}`);
    await wire.expect(204, "DELETE", mount.headers.location ?? "");
    await wire.expect(201, "POST", `${uploads}?digest=${digest}`, { body, headers: octets });
    counts.uploaded += 1;
    return descriptor;
  };

  return {
    async push(random) {
      const begunMs = performance.now();
      const layers = [await bring(random), await bring(random)];
      const config = await bring(random);
      const body = Buffer.from(
        JSON.stringify({ schemaVersion: 2, mediaType: imageType, config, layers }),
      );
      const digest = digestOf(body);
      const tag = `tag-${random.below(tags)}`;
      forget((held) => held === tag);
      const message = { body, headers: { "Content-Type": imageType } };
      const answer = await wire.send("PUT", `/v2/${repository}/manifests/${tag}`, message);
      const tookMs = performance.now() - begunMs;
      if (answer.status === 201) {
        ledger.images.push({ repository, digest, tag, manifest: body });
        counts.pushed += 1;
      } else if (String(answer.body).includes("MANIFEST_BLOB_UNKNOWN") && tookMs > leaseMs * 0.7) {
        // A request extends a lease only after a quarter of it has passed, so that only 75 % of it may be left.
        counts.late += 1;
      } else {
        throw new Error(`after ${Math.round(tookMs)} ms: ${answer.status} ${String(answer.body)}`);
      }
    },

    async remove(random) {
      const mine = ledger.images.filter((image) => image.repository === repository);
      const image = mine[random.below(Math.max(mine.length, 1))];
      if (image === undefined) return;
      const byTag = random.below(2) === 0;
      forget((tag, digest) => (byTag ? tag === image.tag : digest === image.digest));
      const reference = byTag ? image.tag : image.digest;
      await wire.expect(202, "DELETE", `/v2/${repository}/manifests/${reference}`);
    },
  };
}
