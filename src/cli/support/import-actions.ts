import process from "node:process";
import {
  importImages,
  type Imported,
  type ImportImages,
  type ImportOptions,
} from "../../app/import.ts";
import { isBucket, openDistribution } from "../../app/import-distribution.ts";
import { readDistribution } from "../../maintenance/import/distribution.ts";
import { readDockerArchive } from "../../maintenance/import/docker-archive.ts";
import { openPlace, readLayout, type PlaceFiles } from "../../maintenance/import/oci-layout.ts";
import { reasonOf } from "../../config/problems.ts";
import { parseNamespace, parseRepositoryName, type RepositoryName } from "../../oci/name.ts";
import { parseTag, type Tag } from "../../oci/reference.ts";
import type { AppContext } from "../../app/context.ts";
import { s3SettingsOf } from "./backups.ts";
import { withDataFolder } from "./data-folder.ts";
import { CliError, UsageError } from "./failure.ts";
import type { DataFolderOptions } from "./options.ts";
import { createProgress, formatBytes, type Say } from "./output.ts";
import { readPasswordLine } from "./password.ts";

/*
 * What `berth import …` does.
 */

export interface ImportCommandOptions extends DataFolderOptions {
  readonly dryRun?: true;
  readonly overwrite?: true;
  readonly owner?: string;
  readonly visibility?: "public" | "private";
}

export interface ArchiveOptions extends ImportCommandOptions {
  readonly to?: string;
}

export interface RegistryOptions extends ArchiveOptions {
  readonly repository?: readonly string[];
  readonly namespace?: readonly string[];
  readonly hubApi?: string;
  readonly user?: string;
  readonly passwordStdin?: true;
  readonly tokenHost?: string;
  readonly ca?: string;
  readonly insecure?: true;
}

export interface DistributionOptions extends ArchiveOptions {
  readonly inPlace?: true;
  readonly verify?: true;
  readonly s3?: string;
}

export async function importDistribution(
  location: string,
  options: DistributionOptions,
): Promise<void> {
  const { to, inPlace = false, verify = false, s3 } = options;
  const ofBucket = isBucket(location);
  if (ofBucket && inPlace)
    throw new UsageError("--in-place is for a folder: the blobs of a bucket are copied");
  if (!ofBucket && s3 !== undefined)
    throw new UsageError("--s3 is for a bucket: s3://BUCKET/PREFIX");
  if (verify && !inPlace)
    throw new UsageError("a copy is always verified: --verify needs --in-place");
  if (to !== undefined) parseNamespace(to);
  await withDataFolder(options, async (context, say) => {
    const { config } = context;
    const place = await openDistribution(location, await s3SettingsOf(s3, config));
    const { files, blobs } = place;
    const found = readDistribution(files, { to, manifestBytes: config.limits.manifestSize });
    const settings = blobs === undefined ? { atOnce: requestsAtOnce } : { files: blobs };
    try {
      await runImport(context, say, options, {
        images: found.images(),
        // A bucket is not listed twice.
        of: process.stderr.isTTY && !ofBucket ? await found.countImages() : 0,
        settings: { ...settings, inPlace, verify },
      });
    } finally {
      place.close();
    }
  });
}

export async function importLayout(
  place: string,
  name: string,
  options: ImportCommandOptions,
): Promise<void> {
  const { repository, tag } = parseTarget(name);
  await withPlace(place, options, async (files, context, say) => {
    const manifestBytes = context.config.limits.manifestSize;
    const images = await readLayout(files, { repository, tag, manifestBytes });
    await runImport(context, say, options, {
      images,
      of: images.length,
      settings: {
        ...(files.blobs !== undefined && { files: files.blobs }),
        ...{ inPlace: false, verify: false },
      },
    });
  });
}

export async function importArchive(file: string, options: ArchiveOptions): Promise<void> {
  const { to } = options;
  if (to !== undefined) parseNamespace(to);
  await withPlace(file, options, async (files, context, say) => {
    const images = readDockerArchive(files, to);
    const settings = { inPlace: false, verify: false };
    await runImport(context, say, options, { images, of: 0, settings });
  });
}

export async function importRegistry(url: string, options: RegistryOptions): Promise<void> {
  const { to, user: username, passwordStdin = false, tokenHost, ca, insecure = false } = options;
  const { repository: names = [], namespace: namespaces = [] } = options;
  if (to !== undefined) parseNamespace(to);
  if ((username !== undefined) !== passwordStdin)
    throw new UsageError("--user and --password-stdin belong together");
  if (names.length > 0 && namespaces.length > 0)
    throw new UsageError("--repository and --namespace do not go together");
  const { upstream, hubApi } = parseRegistry(url, options.hubApi);
  if (hubApi !== undefined && names.length + namespaces.length === 0)
    throw new UsageError("Docker Hub lists no namespaces: name some with --namespace");
  const password = passwordStdin ? await readPasswordLine() : undefined;
  await withDataFolder(options, async (context, say) => {
    const { imagesOfRegistry, openRegistry } = await import("../../app/import-registry.ts");
    const login = { username, password, tokenHosts: tokenHost === undefined ? [] : [tokenHost] };
    const asked = { upstream, ...login, tls: { insecure, ca } };
    const registry = await openRegistry(context, asked, hubApi);
    const images = imagesOfRegistry(registry, { names, namespaces, to });
    const settings = { inPlace: false, verify: false, atOnce: requestsAtOnce };
    const sayMembers = (): void => {
      for (const { namespace, kind, name, role } of registry.listing.members)
        say(
          { kind: "member", namespace, type: kind, name, role },
          `not imported: the ${kind} ${name} is a member of ${namespace} (${role})`,
        );
    };
    await runImport(context, say, options, { images, of: 0, settings, sayMore: sayMembers });
  });
}

/** Images that are requested from one registry or bucket at the same time. */
const requestsAtOnce = 8;

const dockerHubHosts = new Set([
  ...["docker.io", "index.docker.io", "registry-1.docker.io", "hub.docker.com"],
]);

/** The registry, and the API that lists its repositories if it has another host. */
function parseRegistry(
  url: string,
  hubApi: string | undefined,
): { readonly upstream: string; readonly hubApi: string | undefined } {
  const upstream = parseRegistryUrl(url);
  if (hubApi !== undefined) return { upstream, hubApi: parseRegistryUrl(hubApi) };
  return dockerHubHosts.has(new URL(upstream).host)
    ? { upstream: "https://registry-1.docker.io", hubApi: "https://hub.docker.com" }
    : { upstream, hubApi };
}

/** `https://registry.example.com`, without a slash at its end. */
function parseRegistryUrl(text: string): string {
  const url = text.includes("://") ? text : `https://${text}`;
  const isUrl = /^https?:\/\//.test(url) && URL.canParse(url) && new URL(url).pathname === "/";
  if (!isUrl) throw new UsageError(`${text} is not the URL of a registry: https://HOST`);
  return new URL(url).origin;
}

/** `team/app` or `team/app:1.4` */
export function parseTarget(text: string): {
  readonly repository: RepositoryName;
  readonly tag: Tag | undefined;
} {
  const at = text.lastIndexOf(":");
  if (at === -1) return { repository: parseRepositoryName(text), tag: undefined };
  return {
    repository: parseRepositoryName(text.slice(0, at)),
    tag: parseTag(text.slice(at + 1)),
  };
}

function withPlace(
  place: string,
  options: ImportCommandOptions,
  work: (files: PlaceFiles, context: AppContext, say: Say) => Promise<void>,
): Promise<void> {
  return withDataFolder(options, async (context, say) => {
    const files = await openPlace(place).catch((error: NodeJS.ErrnoException) => {
      if (error.path === undefined) throw error;
      throw new CliError(`cannot read ${place}: ${reasonOf(error)}`, { cause: error });
    });
    try {
      await work(files, context, say);
    } finally {
      await files.close();
    }
  });
}

/** Imports, and prints what is skipped and the sums. */
async function runImport(
  context: AppContext,
  say: Say,
  options: ImportCommandOptions,
  given: {
    readonly images: ImportImages;
    /** The number of images, for the progress bar; 0: not known. */
    readonly of: number;
    readonly settings: Pick<ImportOptions, "files" | "inPlace" | "verify" | "atOnce">;
    /** Prints what is not imported, before the sums. */
    readonly sayMore?: () => void;
  },
): Promise<void> {
  const { dryRun: isDryRun = false, overwrite = false, owner, visibility } = options;
  const bar = createProgress(isDryRun ? "counting" : "importing", given.of);
  const settings = { ...given.settings, overwrite, isDryRun, owner, visibility };
  const imported = await importImages(context, given.images, settings, {
    advance: () => bar.advance(1),
    skipped: (name, reason) =>
      bar.pause(() => say({ kind: "skipped", name, reason }, `skipped ${name}: ${reason}`)),
    note: (text) => bar.pause(() => say({ kind: "note", message: text }, text)),
  }).finally(() => bar.end());
  given.sayMore?.();
  say({ kind: "sum", dryRun: isDryRun, ...imported }, ...sumLines(imported, isDryRun));
  if (imported.skipped > 0) process.exitCode = 1;
}

function sumLines(imported: Imported, isDryRun: boolean): readonly string[] {
  const { repositories, tags, manifests, blobs, bytes, organisations } = imported;
  const verb = isDryRun ? "would import" : "imported";
  const lines = [
    `${verb} ${tags} tags, ${manifests} manifests and ${blobs} blobs of ${formatBytes(bytes)}; ${repositories} repositories were read`,
  ];
  const { tagsThere, skipped } = imported;
  if (tagsThere > 0) lines.push(`${tagsThere} tags were there`);
  if (organisations.length > 0) {
    const more = organisations.length > 10 ? ` and ${organisations.length - 10} more` : "";
    const names = organisations.slice(0, 10).join(", ");
    lines.push(`${isDryRun ? "would make" : "made"} organisations: ${names}${more}`);
    if (isDryRun)
      lines.push("to give one to a user instead, add the user first: berth user add NAME");
  }
  if (skipped > 0) lines.push(`skipped ${skipped}, for the reasons above`);
  return lines;
}
