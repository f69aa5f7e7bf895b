import { Readable } from "node:stream";
import type { Database } from "../../src/database/contract.ts";
import { digestOf, type Digest } from "../../src/oci/digest.ts";
import { OciError } from "../../src/oci/errors.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { createLeasePolicy } from "../../src/registry/leases.ts";
import { createRegistry, type Registry } from "../../src/registry/registry.ts";
import { collect, type CollectionStep } from "../../src/maintenance/collector.ts";
import type { BlobStore } from "../../storage/blob-store.ts";
import { createMemoryStore } from "../../storage/memory/store.ts";
import { openTestDatabase } from "../support/database.ts";
import { openModeClient, rules, silent } from "../support/pushes.ts";

export const here = parseRepositoryName("team/app");
export const elsewhere = parseRepositoryName("team/other");
export const leaseMs = 1_000;
export const graceMs = 10_000;
export const vendorType = "application/vnd.example.model.v1+json";

export interface World {
  readonly store: BlobStore;
  readonly database: Database;
  readonly registry: Registry;
  /** Advances the clock by `ms` milliseconds. */
  wait(ms: number): void;
  nowMs(): number;
  collect(): AsyncGenerator<CollectionStep>;
  close(): Promise<void>;
}

export async function openWorld(deleteDelayMs = 0): Promise<World> {
  const store = createMemoryStore();
  const database = await openTestDatabase();
  // Storage keys contain the real time, so the clock starts at the real time.
  let nowMs = Date.now();
  const clock = (): number => nowMs;
  const leaseTimes = { leaseMs, graceMs, deleteDelayMs };
  return {
    store,
    database,
    registry: createRegistry({
      store,
      database,
      report: silent,
      clock,
      sparse: false,
      moreTypes: [vendorType],
      rules,
      leaseTimes,
    }),
    wait: (ms) => {
      nowMs += ms;
    },
    nowMs: clock,
    collect: () =>
      collect({
        store,
        database,
        clock,
        leasePolicy: createLeasePolicy(clock, leaseTimes),
        deleteUntagged: true,
        graceMs,
        orphans: true,
      }),
    close: () => database.close(),
  };
}

export const text = (content: string): Buffer => Buffer.from(content);

export async function pushBlob(
  { registry }: World,
  content: string,
  repository = here,
): Promise<Digest> {
  const digest = digestOf(text(content));
  const chunk = {
    source: Readable.from([text(content)]),
    lengthBytes: content.length,
    range: undefined,
  };
  await registry.uploads.pushWhole(openModeClient, repository, digest, chunk);
  return digest;
}

export function manifestOf(layer: string, config = "{}"): Buffer {
  const descriptor = (content: string, mediaType: string) => ({
    mediaType,
    digest: digestOf(text(content)),
    size: content.length,
  });
  return text(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: descriptor(config, "application/vnd.oci.empty.v1+json"),
      layers: [descriptor(layer, "application/vnd.oci.image.layer.v1.tar")],
    }),
  );
}

export const putManifest = (
  { registry }: World,
  reference: string,
  bytes: Buffer,
  repository = here,
  contentType?: string,
) =>
  registry.manifests.put({
    actor: openModeClient,
    repository,
    reference: parseReference(reference),
    tags: [],
    contentType,
    bytes,
  });

export async function pushImage(world: World, layer: string, tag: string): Promise<Digest> {
  await pushBlob(world, "{}");
  await pushBlob(world, layer);
  return (await putManifest(world, tag, manifestOf(layer))).digest;
}

export async function readBlob(
  { registry }: World,
  digest: Digest,
  repository = here,
): Promise<string> {
  const blob = await registry.blobs.get(repository, digest);
  const pieces: Buffer[] = [];
  for await (const piece of await registry.blobs.open(blob, { start: 0, end: blob.sizeBytes - 1 }))
    pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString();
}

export const isCode = (code: string) => (error: unknown) =>
  error instanceof OciError && error.code === code;

export async function drain(steps: AsyncIterable<CollectionStep>): Promise<CollectionStep[]> {
  const done: CollectionStep[] = [];
  for await (const step of steps) if (step.kind !== "pause") done.push(step);
  return done;
}

export async function bytesIn(store: BlobStore): Promise<number> {
  let count = 0;
  for await (const _ of store.list()) count += 1;
  return count;
}

/** The body of a test that gets its own world. */
export const inWorld = (work: (world: World) => Promise<void>) => async (): Promise<void> => {
  const world = await openWorld();
  try {
    await work(world);
  } finally {
    await world.close();
  }
};
