import { Command } from "commander";
import type { MirrorAdministration, ScheduleReport } from "../../mirror/administration.ts";
import type { SyncStep } from "../../mirror/sync/pull.ts";
import type { Actor } from "../../database/permissions/authority.ts";
import { withDataFolder } from "../support/data-folder.ts";
import { CliError } from "../support/failure.ts";
import { dataFolderCommand, group, type DataFolderOptions } from "../support/options.ts";
import { createProgress, formatBytes, type Say } from "../support/output.ts";

const notes = `
Examples:
  $ berth mirror status
  $ berth mirror warm docker.io/library/alpine:3.20 --platform linux/amd64
  $ berth mirror pin docker.io/library/alpine:3.20    it is never evicted
  $ berth mirror purge docker.io/library/alpine:3.20  delete the cached tag
  $ berth mirror purge docker.io/library/alpine       delete the repository
  $ berth mirror sync --dry-run                       list what would be copied
`;

/** `berth mirror …`: the mirrors of a configuration, also while a server runs on its data folder. */
export function mirrorCommand(): Command {
  const command = new Command("mirror").description("manage mirrors of other registries");
  return group(command, [status(), warm(), pin(), unpin(), purge(), sync()]).addHelpText(
    "after",
    notes,
  );
}

function withMirrors(
  options: DataFolderOptions,
  work: (mirrors: MirrorAdministration, say: Say, actor: Actor) => Promise<void>,
): Promise<void> {
  return withDataFolder(options, async (context, say) => {
    const { openMirrorAdministration } = await import("../../app/mirrors.ts");
    await work(await openMirrorAdministration(context), say, context.actor);
  });
}

function status(): Command {
  return dataFolderCommand("status", "show the cache and the counters of each mirror").action(
    (options: DataFolderOptions) =>
      withMirrors(options, async (mirrors, say) => {
        for (const report of await mirrors.report()) {
          const { namespace, upstream, contents, budgetBytes, failure } = report;
          const { blobs, bytes } = contents;
          const limit = budgetBytes === undefined ? "" : ` of ${formatBytes(budgetBytes)}`;
          const details = [
            ...(failure === undefined
              ? []
              : [`failing since ${new Date(failure.sinceMs).toISOString()}: ${failure.reason}`]),
            ...Object.entries(report.counters).map(([name, value]) => `${name}: ${value}`),
            ...report.pins.map((image) => `pinned: ${image}`),
            ...report.schedules.map(scheduleLine),
          ];
          say(
            report,
            `${namespace}  ${upstream}  ${blobs} blobs, ${formatBytes(bytes)}${limit}`,
            ...details.map((line) => `    ${line}`),
          );
        }
      }),
  );
}

function scheduleLine({ name, last, nextAtMs }: ScheduleReport): string {
  const time = (ms: number | null): string => (ms === null ? "" : new Date(ms).toISOString());
  const before = last === undefined ? "never" : `${last.state} ${time(last.endedAtMs)}`;
  return `schedule ${name}: last run ${before}, next ${nextAtMs === undefined ? "by hand" : time(nextAtMs)}`;
}

interface WarmOptions extends DataFolderOptions {
  readonly platform?: readonly string[];
  readonly referrers?: true;
}

function warm(): Command {
  return dataFolderCommand("warm", "download an image before clients pull it")
    .argument("<image>", "the name in this registry: docker.io/library/alpine:3.20")
    .option("--platform <os/arch...>", "only these platforms of a multi-platform image")
    .option("--referrers", "also signatures and other referrers")
    .action((text: string, options: WarmOptions) =>
      withMirrors(options, async (mirrors, say) => {
        const image = await mirrors.parseImage(text);
        const platforms = options.platform ?? [];
        const copy = { platforms, referrers: options.referrers ?? false, isDryRun: false };
        const { failed, blobs } = await copyAll(text, mirrors.warm(image, copy), say);
        if (failed.length > 0) throw new CliError(`${text} could not be fetched`);
        if (blobs === 0 && platforms.length > 0)
          throw new CliError(`${text} has none of the platforms ${platforms.join(", ")}`);
      }),
    );
}

function pin(): Command {
  return dataFolderCommand("pin", "exclude an image from eviction")
    .argument("<image>", "docker.io/library/alpine:3.20")
    .action((text: string, options: DataFolderOptions) =>
      withMirrors(options, async (mirrors, say, actor) => {
        const isNew = await mirrors.pin(actor, await mirrors.parseImage(text), true);
        say({ image: text, pinned: true }, isNew ? `pinned ${text}` : `${text} is pinned already`);
      }),
    );
}

function unpin(): Command {
  return dataFolderCommand("unpin", "include an image in eviction again")
    .argument("<image>", "docker.io/library/alpine:3.20")
    .action((text: string, options: DataFolderOptions) =>
      withMirrors(options, async (mirrors, say, actor) => {
        if (!(await mirrors.pin(actor, await mirrors.parseImage(text), false)))
          throw new CliError(`${text} is not pinned`);
        say({ image: text, pinned: false }, `unpinned ${text}`);
      }),
    );
}

function purge(): Command {
  return dataFolderCommand("purge", "delete a cached tag, or a cached repository")
    .argument("<image>", "docker.io/library/alpine:3.20; without a tag the repository")
    .action((text: string, options: DataFolderOptions) =>
      withMirrors(options, async (mirrors, say, actor) => {
        await mirrors.purge(actor, await mirrors.parseImage(text));
        say({ image: text, purged: true }, `purged ${text}`);
      }),
    );
}

interface SyncOptions extends DataFolderOptions {
  readonly dryRun?: true;
}

function sync(): Command {
  return dataFolderCommand("sync", "run all schedules of the configuration now")
    .option("--dry-run", "list what would be copied; downloads only manifests")
    .action((options: SyncOptions) =>
      withMirrors(options, async (mirrors, say) => {
        const failed: string[] = [];
        for (const { name, run } of mirrors.schedules())
          failed.push(...(await copyAll(name, run(options.dryRun ?? false), say)).failed);
        if (failed.length === 0) return;
        const more = failed.length > 10 ? ` and ${failed.length - 10} more` : "";
        throw new CliError(`could not be copied: ${failed.slice(0, 10).join(", ")}${more}`);
      }),
    );
}

interface SyncResult {
  readonly failed: readonly string[];
  readonly blobs: number;
}

/** Prints the progress of a copy and its result. */
async function copyAll(
  name: string,
  steps: AsyncIterable<SyncStep>,
  say: Say,
): Promise<SyncResult> {
  const sums = { tags: 0, manifests: 0, newManifests: 0, blobs: 0, newBlobs: 0, newBytes: 0 };
  const failed: string[] = [];
  let bar: ReturnType<typeof createProgress> | undefined;
  for await (const step of steps) {
    switch (step.kind) {
      case "tag":
        bar ??= createProgress(name, step.of);
        if (sums.tags > 0) bar.advance(1);
        sums.tags += 1;
        break;
      case "manifest":
        sums.manifests += 1;
        sums.newManifests += step.isNew ? 1 : 0;
        break;
      case "blob":
        sums.blobs += 1;
        sums.newBlobs += step.isNew ? 1 : 0;
        sums.newBytes += step.isNew ? step.sizeBytes : 0;
        break;
      case "failed": {
        const { what, reason } = step;
        failed.push(what);
        const line = () => say({ failed: what, message: reason }, `failed: ${what}: ${reason}`);
        if (bar === undefined) line();
        else bar.pause(line);
        break;
      }
    }
  }
  bar?.end();
  const { tags, newManifests, newBlobs, newBytes } = sums;
  say(
    { name, ...sums, failures: failed.length },
    `${name}: ${tags} tags; new: ${newManifests} manifests, ${newBlobs} blobs, ${formatBytes(newBytes)}`,
  );
  return { failed, blobs: sums.blobs };
}
