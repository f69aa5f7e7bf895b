import process from "node:process";
import { importImages, type Imported, type ImportOptions } from "../../app/import.ts";
import { openDistributionFolder } from "../../maintenance/import/distribution-folder.ts";
import type { ImportBroken, ImportImage } from "../../maintenance/import/content.ts";
import { parseNamespace } from "../../oci/name.ts";
import type { AppContext } from "../../app/context.ts";
import { withDataFolder } from "./data-folder.ts";
import { UsageError } from "./failure.ts";
import type { DataFolderOptions } from "./options.ts";
import { createProgress, formatBytes, type Say } from "./output.ts";

/*
 * What `berth import …` does.
 */

export interface ImportCommandOptions extends DataFolderOptions {
  readonly dryRun?: true;
  readonly overwrite?: true;
  readonly owner?: string;
  readonly visibility?: "public" | "private";
}

export interface DistributionOptions extends ImportCommandOptions {
  readonly inPlace?: true;
  readonly verify?: true;
  readonly to?: string;
}

export async function importDistribution(
  folder: string,
  options: DistributionOptions,
): Promise<void> {
  const { to, inPlace = false, verify = false } = options;
  if (verify && !inPlace)
    throw new UsageError("a copy is always verified: --verify needs --in-place");
  if (to !== undefined) parseNamespace(to);
  await withDataFolder(options, async (context, say) => {
    const manifestBytes = context.config.limits.manifestSize;
    const found = await openDistributionFolder(folder, { to, manifestBytes });
    await runImport(context, say, options, {
      images: found.images(),
      of: await found.countImages(),
      settings: { files: found.blobs, inPlace, verify },
    });
  });
}

/** Imports, and prints what is skipped and the sums. */
async function runImport(
  context: AppContext,
  say: Say,
  options: ImportCommandOptions,
  given: {
    readonly images: AsyncIterable<ImportImage | ImportBroken>;
    /** The number of images, for the progress bar; 0: not known. */
    readonly of: number;
    readonly settings: Pick<ImportOptions, "files" | "inPlace" | "verify">;
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
  if (organisations > 0)
    lines.push(`${isDryRun ? "would make" : "made"} ${organisations} organisations`);
  if (skipped > 0) lines.push(`skipped ${skipped}, for the reasons above`);
  return lines;
}
