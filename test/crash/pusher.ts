import { digestOf, type DigestAlgorithm } from "../../src/oci/digest.ts";
import { contentOf, createRandom, type Random } from "./content.ts";
import type { Content, HeldBlob } from "./ledger.ts";
import { append, begin, octets, untilGone, withDigest, type Pusher } from "./uploader.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const imageType = "application/vnd.oci.image.manifest.v1+json";
const sizes: NonNullable<Pusher["layerSizes"]> = [90, 700, 40 * KiB, 300 * KiB, 2 * MiB, 5 * MiB];
const ways = ["chunks", "stream", "put", "single", "mount"] as const;

/** Pushes one image after the other until the server has ended. */
export async function pushImages(pusher: Pusher): Promise<void> {
  const random = createRandom(pusher.name);
  await untilGone(async () => {
    for (let image = 0; ; image += 1) await pushImage(pusher, random, `${pusher.name}-${image}`);
  });
}

/** Pushes one blob by one of the methods of the distribution specification. */
export async function pushBlob(
  pusher: Pusher,
  way: (typeof ways)[number],
  content: Content,
  algorithm: DigestAlgorithm = "sha256",
): Promise<HeldBlob> {
  const { wire, ledger, repository } = pusher;
  const bytes = contentOf(content.seed, content.sizeBytes);
  const digest = digestOf(bytes, algorithm);
  const uploads = `/v2/${repository}/blobs/uploads/`;
  const blob: HeldBlob = { repository, digest, sizeBytes: bytes.length };

  const session = async (): Promise<void> => {
    const upload = await begin(pusher, content, algorithm, false);
    if (way === "chunks" || way === "stream") {
      const step = way === "stream" ? bytes.length : Math.max(1, Math.ceil(bytes.length / 4));
      while (upload.acknowledgedBytes < bytes.length)
        await append(pusher, upload, bytes, step, way === "stream");
    }
    upload.closing = true;
    const rest = way === "put" || way === "mount" ? { body: bytes, headers: octets } : {};
    await wire.expect(201, "PUT", withDigest(upload.location, digest), rest);
    ledger.uploads.delete(upload);
  };

  if (way === "single") {
    const whole = { body: bytes, headers: octets };
    await wire.expect(201, "POST", `${uploads}?digest=${digest}`, whole);
  } else if (way === "mount") {
    const { status, headers } = await wire.send("POST", `${uploads}?mount=${digest}`);
    if (status !== 201 && status !== 202) throw new Error(`mount: ${status}`);
    if (status === 202) {
      await wire.expect(204, "DELETE", headers.location ?? "");
      await session();
    }
  } else {
    await session();
  }
  ledger.blobs.push(blob);
  return blob;
}

/** Pushes layers, config and manifest, and tags it with its name and `latest`. Records each 201 in the ledger. */
export async function pushImage(pusher: Pusher, random: Random, name: string): Promise<void> {
  const { wire, ledger, repository } = pusher;
  const config = await pushBlob(pusher, "single", { seed: `${name}/config`, sizeBytes: 600 });
  const layers: HeldBlob[] = [];
  const count = 1 + random.below(3);
  for (let layer = 0; layer < count; layer += 1) {
    const sizeBytes = random.oneOf(pusher.layerSizes ?? sizes);
    // Some layers are shared, so that several clients push one digest at the same time.
    const seed = random.below(4) === 0 ? `base/${sizeBytes}` : `${name}/${layer}`;
    const algorithm = random.below(5) === 0 ? "sha512" : "sha256";
    layers.push(await pushBlob(pusher, random.oneOf(ways), { seed, sizeBytes }, algorithm));
  }
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: imageType,
      config: descriptor("application/vnd.berth.test.config", config),
      layers: layers.map((blob) => descriptor("application/vnd.oci.image.layer.v1.tar", blob)),
    }),
  );
  const digest = digestOf(manifest);
  const moving = ledger.latest.get(repository) ?? {};
  ledger.latest.set(repository, moving);
  const put = (reference: string): Promise<unknown> =>
    wire.expect(201, "PUT", `/v2/${repository}/manifests/${reference}`, {
      headers: { "Content-Type": imageType },
      body: manifest,
    });

  if (random.below(2) === 0) {
    moving.asked = digest;
    await put(`${digest}?tag=${name}&tag=latest`);
    ledger.images.push({ repository, digest, tag: name, manifest });
  } else {
    await put(name);
    ledger.images.push({ repository, digest, tag: name, manifest });
    moving.asked = digest;
    await put("latest");
  }
  moving.acknowledged = digest;
}

const descriptor = (mediaType: string, { digest, sizeBytes }: HeldBlob): object => ({
  mediaType,
  digest,
  size: sizeBytes,
});
