import process from "node:process";
import type { Command } from "commander";
import type { Tag } from "../../oci/reference.ts";
import type { Registry } from "../../registry/registry.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { withDataFolder } from "../support/data-folder.ts";
import { dataFolderCommand, type DataFolderOptions } from "../support/options.ts";
import { formatBytes } from "../support/output.ts";

const notes = `
Without a tag all tags are exported, always with all platforms and referrers.
The folder is an OCI image layout: "skopeo copy oci:FOLDER:TAG …", "crane push",
and "berth import oci-layout" read it. A later run into the same folder writes
only new blobs, and keeps the tags of earlier runs. One folder is for one
repository.

Servers may run meanwhile. The exit code is 1 if the registry does not have all
content, as a mirror that has not fetched all platforms.
`;

/** `berth export` */
export function exportCommand(): Command {
  return dataFolderCommand("export", "write images to a folder, as an OCI layout")
    .argument("<name[:tag]>", "such as team/app, or team/app:1.4")
    .argument("<folder>")
    .addHelpText("after", notes)
    .action(exportImages);
}

function exportImages(name: string, folder: string, options: DataFolderOptions): Promise<void> {
  return withDataFolder(options, async (context, say) => {
    const [{ LayoutExport }, { parseTarget }] = await Promise.all([
      import("../../maintenance/export.ts"),
      import("../support/import-actions.ts"),
    ]);
    const { repository, tag } = parseTarget(name);
    const [registry, database] = [await context.registry(), await context.database()];
    const missing = (text: string): void => {
      say({ kind: "missing", message: text }, `missing: ${text}`);
      process.exitCode = 1;
    };
    const layout = new LayoutExport({ registry, database, repository, folder, missing });
    if (tag !== undefined) await layout.addTag(tag);
    else for await (const one of tagsOf(registry, repository)) await layout.addTag(one);
    await layout.finish();
    const { tags, manifests, blobs, bytes, blobsThere } = layout.sums;
    const there = blobsThere === 0 ? "" : `; ${blobsThere} blobs were there`;
    say(
      { kind: "sum", ...layout.sums },
      `exported ${tags} tags, ${manifests} manifests and ${blobs} blobs of ${formatBytes(bytes)}${there}`,
    );
  });
}

const tagsAtOnce = 500;

async function* tagsOf({ tags }: Registry, repository: RepositoryName): AsyncGenerator<Tag> {
  for (let last: Tag | undefined; ;) {
    const { items, more } = await tags.list(repository, { last, limit: tagsAtOnce });
    yield* items;
    last = items.at(-1);
    if (!more) return;
  }
}
