import { hash } from "node:crypto";
import { encodeTime } from "ulid";
import { pullBucketOf } from "../../src/database/catalog/pull-counters.ts";
import { manifestType } from "../client/image.ts";
import { describeRepository } from "../listing/names.ts";

/*
 * The images of a registry of a given size. The same number gives the same bytes, so that a filler and a client need no
 * list of them. The first repository has 10 % of the images, at most 100,000; each other has 100. A stock that grows keeps
 * its images.
 */

export interface Stock {
  readonly images: number;
  readonly repositories: number;
  /** Images of the first repository. */
  readonly inLargest: number;
}

const inOthers = 100;
const largestAtMost = 100_000;
/** The layer of a repository: all its images have it. */
const layerBytes = 2048;
/** One of so many images refers to the image before it, as a signature does. */
const referrerEvery = 20;
/** The time of the first push, in milliseconds since the epoch, and the time between two pushes. */
const firstPushMs = Date.UTC(2025, 0, 1);
const pushEveryMs = 1_000;

/** @param images a multiple of 1,000 */
export function stockOf(images: number): Stock {
  if (!(images > 0) || images % 1_000 !== 0) throw new Error("a size is a multiple of 1,000");
  const inLargest = Math.min(largestAtMost, images / 10);
  return { images, inLargest, repositories: 1 + (images - inLargest) / inOthers };
}

export const imagesIn = ({ inLargest }: Stock, repository: number): number =>
  repository === 0 ? inLargest : inOthers;

export interface StockBlob {
  readonly digest: string;
  readonly bytes: Buffer;
  /** The key of the file in the data folder. */
  readonly key: string;
}

export interface StockRepository extends ReturnType<typeof describeRepository> {
  readonly number: number;
  readonly pullRank: number;
  readonly createdAtMs: number;
  readonly layer: StockBlob;
}

export interface StockImage {
  readonly tag: string;
  readonly pushedAtMs: number;
  readonly config: StockBlob;
  readonly manifest: Buffer;
  readonly digest: string;
  /** The digest of the image that it refers to. */
  readonly subject: string | undefined;
}

const digestOf = (bytes: Buffer): string => `sha256:${hash("sha256", bytes, "hex")}`;

/** The key has a ULID of the time and of the digest, so that it is the same at each run. */
function blobOf(text: string, atMs: number): StockBlob {
  const bytes = Buffer.from(text);
  const digest = digestOf(bytes);
  const hex = digest.slice("sha256:".length);
  const ulid = `${encodeTime(atMs, 10)}${hex.slice(0, 16).toUpperCase()}`;
  return { digest, bytes, key: `blobs/sha256/${hex.slice(0, 2)}/${hex}.${ulid}` };
}

export function repositoryOf(number: number): StockRepository {
  const described = describeRepository(number);
  const createdAtMs = firstPushMs + number * inOthers * pushEveryMs;
  const text = `layer of ${described.name}\n`.repeat(layerBytes).slice(0, layerBytes);
  return {
    ...described,
    ...{ number, createdAtMs, pullRank: pullBucketOf(described.pulls) },
    layer: blobOf(text, createdAtMs),
  };
}

/** @param version the number of the image in its repository, from 0 */
export function imageOf(repository: StockRepository, version: number): StockImage {
  const pushedAtMs = repository.createdAtMs + version * pushEveryMs;
  const { layer } = repository;
  const config = blobOf(
    `{"architecture":"amd64","os":"linux","config":{"Labels":{"image":"${repository.name}:${tagOf(version)}"}},` +
      `"rootfs":{"type":"layers","diff_ids":["${layer.digest}"]}}`,
    pushedAtMs,
  );
  const isReferrer = version % referrerEvery === referrerEvery - 1;
  const subject = isReferrer ? imageOf(repository, version - 1) : undefined;
  const refers =
    subject === undefined
      ? ""
      : `"artifactType":"${referrerType}","subject":${descriptor(manifestType, subject.digest, subject.manifest)},`;
  const manifest = Buffer.from(
    `{"schemaVersion":2,"mediaType":"${manifestType}",${refers}` +
      `"config":${descriptor(configType, config.digest, config.bytes)},` +
      `"layers":[${descriptor(layerType, layer.digest, layer.bytes)}]}`,
  );
  return {
    ...{ tag: tagOf(version), pushedAtMs, config, manifest },
    ...{ digest: digestOf(manifest), subject: subject?.digest },
  };
}

export const configType = "application/vnd.oci.image.config.v1+json";
export const layerType = "application/vnd.oci.image.layer.v1.tar";
export const referrerType = "application/vnd.berth.bench.signature";

const descriptor = (mediaType: string, digest: string, { length }: Buffer): string =>
  `{"mediaType":"${mediaType}","digest":"${digest}","size":${length}}`;

const tagOf = (version: number): string =>
  `${Math.floor(version / 10_000)}.${Math.floor(version / 100) % 100}.${version % 100}`;

export interface Sample {
  readonly repository: StockRepository;
  readonly image: StockImage;
}

/** Images spread over the whole stock, the same at each run. */
export function* samplesOf(stock: Stock, count: number, seed = 0): Generator<Sample> {
  const step = stock.images / count;
  for (let sample = 0; sample < count; sample += 1) {
    const inStep = hash("sha1", `${seed} ${sample}`, "buffer").readUInt32BE(0) / 2 ** 32;
    const place = Math.floor((sample + inStep) * step) - stock.inLargest;
    const number = place < 0 ? 0 : 1 + Math.floor(place / inOthers);
    const version = place < 0 ? place + stock.inLargest : place % inOthers;
    const repository = repositoryOf(number);
    yield { repository, image: imageOf(repository, version) };
  }
}
