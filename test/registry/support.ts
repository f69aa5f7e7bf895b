import { Readable } from "node:stream";
import type { Actor } from "../../src/database/permissions/authority.ts";
import type { Database } from "../../src/database/contract.ts";
import type { PushRules } from "../../src/database/registry/repository-creation.ts";
import { digestOf, type Digest } from "../../src/oci/digest.ts";
import { OciError } from "../../src/oci/errors.ts";
import { parseRepositoryName, type RepositoryName } from "../../src/oci/name.ts";
import { parseReference, parseTag } from "../../src/oci/reference.ts";
import { createLeasePolicy } from "../../src/registry/leases.ts";
import { createRegistry, type Registry } from "../../src/registry/registry.ts";
import { check, type Finding } from "../../src/maintenance/check.ts";
import { collect } from "../../src/maintenance/collector.ts";
import type { UploadLimits } from "../../src/registry/uploads/uploads.ts";
import type { BlobStore } from "../../storage/blob-store.ts";
import { createMemoryStore } from "../../storage/memory/store.ts";
import { openTestDatabase } from "../support/database.ts";
import type { Tables } from "../support/tables.ts";
import { judged, openModeClient, rules as usualRules, silent } from "../support/pushes.ts";

const leaseTimes = { leaseMs: 1_000, graceMs: 10_000, deleteDelayMs: 0 };

/** A registry with blobs in memory and a clock that only tests advance, and the tables of its database. */
export interface World {
  readonly store: BlobStore;
  readonly database: Database;
  readonly registry: Registry;
  readonly tables: Tables;
  /** Runs the collector five times; before each run the clock advances by one grace period and one lease. */
  collectAll(): Promise<void>;
  /** The findings of a consistency check. */
  findings(): Promise<readonly Finding[]>;
  /** Number of blobs and of uploads in the store. */
  stored(): Promise<{ readonly blobs: number; readonly uploads: number }>;
  /** Rows of the audit log: `action subject`. */
  audit(): Promise<readonly unknown[]>;
  close(): Promise<void>;
}

export async function openWorld(
  rules: Partial<PushRules> = {},
  limits?: UploadLimits,
): Promise<World> {
  const store = createMemoryStore();
  const { tables, ...database } = await openTestDatabase();
  let nowMs = Date.now();
  const clock = (): number => nowMs;
  const parts = { store, database, clock, report: silent };
  const registry = createRegistry({
    ...parts,
    ...{ sparse: false, leaseTimes, limits, rules: { ...usualRules, ...rules } },
  });
  const collector = {
    ...{ ...parts, leasePolicy: createLeasePolicy(clock, leaseTimes), graceMs: leaseTimes.graceMs },
    ...({ deleteUntagged: true, orphans: true } as const),
  };
  return {
    ...parts,
    registry,
    tables,
    async collectAll() {
      for (let round = 0; round < 5; round += 1) {
        nowMs += leaseTimes.graceMs + leaseTimes.leaseMs;
        for await (const _ of collect(collector));
      }
    },
    async findings() {
      const found: Finding[] = [];
      const checked = { ...parts, graceMs: leaseTimes.graceMs, isSparse: () => false };
      for await (const finding of check(checked, () => undefined)) found.push(finding);
      return found;
    },
    async stored() {
      const counts = { blobs: 0, uploads: 0 };
      for await (const _ of store.list()) counts.blobs += 1;
      for await (const _ of store.listUploads()) counts.uploads += 1;
      return counts;
    },
    audit: () => tables.values("SELECT action || ' ' || subject FROM audit_log ORDER BY id"),
    close: () => database.close(),
  };
}

/** The body of a test that gets its own world. */
export const inWorld =
  (work: (world: World) => Promise<void>, rules: Partial<PushRules> = {}, limits?: UploadLimits) =>
  async (): Promise<void> => {
    const world = await openWorld(rules, limits);
    try {
      await work(world);
    } finally {
      await world.close();
    }
  };

/** An actor with this account id. */
export const as = (accountId: number, name = `account${accountId}`): Actor => ({
  ...judged({ accountId, name, peer: "192.0.2.1" }),
});

export const chunkOf = (content: string) => ({
  source: Readable.from([Buffer.from(content)]),
  lengthBytes: Buffer.byteLength(content),
  range: undefined,
});

export async function pushBlob(
  { registry }: World,
  name: string,
  content: string,
  actor: Actor = openModeClient,
): Promise<Digest> {
  const digest = digestOf(Buffer.from(content));
  await registry.uploads.pushWhole(actor, parseRepositoryName(name), digest, chunkOf(content));
  return digest;
}

export function imageOf(layer: string): Buffer {
  const descriptor = (content: string, mediaType: string) => ({
    ...{ mediaType, digest: digestOf(Buffer.from(content)), size: Buffer.byteLength(content) },
  });
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: descriptor("{}", "application/vnd.oci.empty.v1+json"),
      layers: [descriptor(layer, "application/vnd.oci.image.layer.v1.tar")],
    }),
  );
}

export function indexOf(...children: readonly Buffer[]): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: children.map((child) => ({
        mediaType: JSON.parse(child.toString()).mediaType as string,
        digest: digestOf(child),
        size: child.length,
      })),
    }),
  );
}

/** Pushes a manifest by tag, or by digest with optional tags. */
export const put = (
  { registry }: World,
  name: string,
  reference: string,
  bytes: Buffer,
  {
    tags = [],
    actor = openModeClient,
  }: { readonly tags?: readonly string[]; readonly actor?: Actor } = {},
) =>
  registry.manifests.put({
    ...{ actor, repository: parseRepositoryName(name), reference: parseReference(reference) },
    ...{ tags: tags.map(parseTag), contentType: undefined, bytes },
  });

/** Pushes an image of one layer, and its blobs. */
export async function pushImage(
  world: World,
  name: string,
  tag: string,
  layer: string,
  actor: Actor = openModeClient,
): Promise<Digest> {
  await pushBlob(world, name, "{}", actor);
  await pushBlob(world, name, layer, actor);
  return (await put(world, name, tag, imageOf(layer), { actor })).digest;
}

export const named = (name: string): RepositoryName => parseRepositoryName(name);

export const isCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof OciError && error.code === code;
