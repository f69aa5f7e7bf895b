import { createFreeSpace } from "../../storage/filesystem/free-space.ts";
import { createImportedFiles } from "../../storage/filesystem/imported-files.ts";
import { unknownAccount } from "../accounts/errors.ts";
import { descriptionBytesAtMost, readmeCharactersAtMost } from "../api/repositories.ts";
import { createCountedCache } from "../concurrency/bounded-cache.ts";
import { inOrder } from "../concurrency/in-order.ts";
import type { Commands } from "../database/commands.ts";
import type { PushRules } from "../database/registry/repository-creation.ts";
import type { Visibility } from "../database/registry/schema.ts";
import { isRejection } from "../database/rejections.ts";
import {
  ImportError,
  SkipError,
  type ImportBroken,
  type ImportDetails,
  type ImportImage,
} from "../maintenance/import/content.ts";
import { Importer, type ImportSums } from "../maintenance/import/importer.ts";
import { keepCopy, keepInPlace, type Keep } from "../maintenance/import/keep.ts";
import { printableLine } from "../observability/printable.ts";
import { namespaceOf, type RepositoryName } from "../oci/name.ts";
import { createBlobs } from "../registry/blobs.ts";
import { rejectionError } from "../registry/errors.ts";
import { createLeasePolicy } from "../registry/leases.ts";
import { createManifests } from "../registry/manifests.ts";
import { createRecentBlobs } from "../registry/recent-blobs.ts";
import type { AppContext } from "./context.ts";
import { hasDataFolder } from "./data-folder.ts";
import { ImportNamespaces } from "./import-namespaces.ts";

export interface ImportOptions {
  /** The folder with the blobs of the other place, if they are files. */
  readonly files?: string;
  /** The files stay where they are, and blobs of this registry are links to them. */
  readonly inPlace: boolean;
  /** With `inPlace`: reads all bytes and compares the digests. */
  readonly verify: boolean;
  /** Tags that point elsewhere move. */
  readonly overwrite: boolean;
  readonly isDryRun: boolean;
  /** Images that are imported at the same time. */
  readonly atOnce?: number;
  /** The owner of new organisations. */
  readonly owner: string | undefined;
  /** The visibility of new repositories; `undefined`: as in the other place, or else `repositories.defaultVisibility`. */
  readonly visibility: Visibility | undefined;
}

export type ImportImages =
  | Iterable<ImportImage | ImportBroken>
  | AsyncIterable<ImportImage | ImportBroken>;

export interface ImportProgress {
  /** One tag or manifest has been imported, was there, or is skipped. */
  advance(): void;
  skipped(name: string, reason: string): void;
  /** A namespace that got no organisation. */
  note(text: string): void;
}

export interface Imported extends ImportSums {
  repositories: number;
  /** The names of the new ones. */
  organisations: readonly string[];
  skipped: number;
}

/** The commands of this many images share a transaction. */
const imagesAtOnce = 64;
const openedAtMost = 10_000;

/**
 * Imports images with the commands of pushes, also while servers run. An image that cannot be imported is skipped. Rejects
 * with ImportError, and with the errors of the store and the database.
 */
export async function importImages(
  context: AppContext,
  images: ImportImages,
  options: ImportOptions,
  progress: ImportProgress,
): Promise<Imported> {
  await demandOwner(context, options);
  const { owner, isDryRun } = options;
  const note = (text: string): void => progress.note(text);
  const namespaces = new ImportNamespaces(context, { owner, isDryRun, note });
  const { importer, flush } = await openImporter(context, options, namespaces);
  const counts = { repositories: 0, skipped: 0 };
  let last: RepositoryName | undefined;

  const work = async (image: ImportImage | ImportBroken): Promise<string | undefined> => {
    if ("broken" in image) return image.broken;
    const { repository } = image;
    if (repository !== last) counts.repositories += 1;
    last = repository;
    const namespace = namespaceOf(repository);
    if (context.mirrored.has(namespace)) return `${namespace} is the namespace of a mirror`;
    try {
      await importer.importImage(image);
      if (isDryRun) await namespaces.open(namespace);
      return undefined;
    } catch (error) {
      if (error instanceof SkipError) return error.message;
      throw error;
    }
  };
  const results = inOrder(images, options.atOnce ?? imagesAtOnce, async (image) => ({
    name: image.name,
    reason: await work(image),
  }));
  for await (const { name, reason } of results) {
    progress.advance();
    if (reason === undefined) continue;
    counts.skipped += 1;
    progress.skipped(name, reason);
  }
  await flush();
  return { ...importer.sums, ...counts, organisations: namespaces.made.toSorted() };
}

async function demandOwner(context: AppContext, { owner }: ImportOptions): Promise<void> {
  if (owner === undefined) return;
  const { accounts } = await context.database();
  if ((await accounts.find(owner))?.kind !== "user") throw unknownAccount("user", owner);
}

async function openImporter(
  context: AppContext,
  options: ImportOptions,
  namespaces: ImportNamespaces,
) {
  const { config, clock, logger: report, actor } = context;
  const [store, flushed] = [await context.store(), await context.database()];
  // A power cut may undo the last images: a second run imports them again.
  const database = { ...flushed, commands: flushed.unflushedCommands };
  const { visibility, overwrite, isDryRun } = options;
  const leasePolicy = createLeasePolicy(clock, context.leaseTimes);
  const defaultVisibility = visibility ?? context.pushRules.defaultVisibility;
  const rules: PushRules = { ...context.pushRules, createOnPush: true, defaultVisibility };
  const { sparse, limits, manifests: accepted } = config;
  const space = hasDataFolder(config)
    ? createFreeSpace(config.data, config.storage.reserve)
    : undefined;
  const recentBlobs = createRecentBlobs();
  const manifests = createManifests({
    ...{ store, database, leasePolicy, rules, sparse, moreTypes: accepted.mediaTypes },
    recentBlobs,
    demandSpace: (bytes) => space?.demand(bytes),
  });
  const blobs = createBlobs({ store, database, leasePolicy, rules, recentBlobs, report });
  const opened = createCountedCache<boolean>(openedAtMost);
  let last: ImportImage | undefined;
  const create = async (commands: Commands, { repository, details }: ImportImage) => {
    const making = { actor, repository, nowMs: clock() };
    const seen = visibility ?? details?.visibility ?? defaultVisibility;
    const made = await commands.createRepository({ ...making, visibility: seen });
    if (isRejection(made)) throw rejectionError(made, repository);
    if (made === "created" && details !== undefined)
      await commands.setDescription({ ...making, ...textsOf(details) });
  };
  const keep = await openKeep(context, options, limits.blobSize);
  const importer = new Importer({
    ...{ store, database, blobs, manifests, leasePolicy, rules, actor, sparse },
    ...{ keep, overwrite, isDryRun },
    openRepository: async (image) => {
      const { repository } = image;
      if (opened.has(repository)) return;
      await namespaces.open(namespaceOf(repository));
      await create(database.commands, image);
      opened.set(repository, true);
      last = image;
    },
  });
  // A flushed command makes all earlier ones durable; this one changes nothing.
  const flush = async (): Promise<void> => {
    if (last !== undefined) await create(flushed.commands, last);
  };
  return { importer, flush };
}

/** The texts as the API would accept them. */
const textsOf = ({ description = "", readme = "" }: ImportDetails) => ({
  ...(description !== "" && { short: firstBytes(printableLine(description)) }),
  ...(readme !== "" && {
    full: readme.split(/\r?\n/).map(printableLine).join("\n").slice(0, readmeCharactersAtMost),
  }),
});

/** Without the character that is cut. */
const firstBytes = (text: string): string =>
  Buffer.from(text)
    .subarray(0, descriptionBytesAtMost)
    .toString("utf8")
    .replace(/\uFFFD+$/u, "");

async function openKeep(
  context: AppContext,
  { files, inPlace, verify }: ImportOptions,
  blobBytesAtMost: number | undefined,
): Promise<Keep> {
  const { driver } = context.config.storage;
  if (driver === "memory") throw new ImportError("blobs in memory end with this command");
  if (inPlace && (driver !== "filesystem" || files === undefined))
    throw new ImportError("--in-place needs blobs in a data folder: storage.driver filesystem");
  const links =
    driver === "filesystem" && files !== undefined
      ? createImportedFiles(context.config.data, files)
      : undefined;
  const store = await context.store();
  const keep = inPlace && links !== undefined ? keepInPlace(links, verify) : keepCopy(store, links);
  return async (digest, blob) => {
    if (blobBytesAtMost !== undefined && blob.sizeBytes > blobBytesAtMost)
      throw new SkipError(`the blob ${digest} is larger than limits.blobSize`);
    return await keep(digest, blob);
  };
}
