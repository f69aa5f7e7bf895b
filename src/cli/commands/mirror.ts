import { Command } from "commander";
import type { Config } from "../../config/schema.ts";
import type { SyncStep, MirrorFolder } from "../../app/mirrors.ts";
import { group } from "../support/administration.ts";
import {
  dataFolderCommand,
  refusing,
  withOpened,
  type DataFolderOptions,
} from "../support/data-folder.ts";
import { CliError } from "../support/failure.ts";
import { createOutput, createProgress, formatBytes, type Output } from "../support/output.ts";

const notes = `
Examples:
  $ berth mirror status                                what each mirror holds, and what it was asked
  $ berth mirror warm docker.io/library/alpine:3.20 --platform linux/amd64
  $ berth mirror pin docker.io/library/alpine:3.20     its blobs stay, whatever the budget says
  $ berth mirror purge docker.io/library/alpine:3.20   forget the tag; the next pull asks for it again
  $ berth mirror purge docker.io/library/alpine        forget the repository with all that is in it
  $ berth mirror sync --dry-run                        what the schedules would fetch now
`;

/** `berth mirror …`: the mirrors of a configuration, also while a server runs on its data folder. */
export function mirrorCommand(): Command {
  const command = new Command("mirror").description("look after mirrored registries");
  return group(command, [status(), warm(), pin(), unpin(), purge(), sync()]).addHelpText(
    "after",
    notes,
  );
}

interface Work {
  readonly folder: MirrorFolder;
  readonly output: Output;
}

const refusals = new Set(["OciError", "NoMirrorError"]);

async function withMirrors(
  options: DataFolderOptions,
  work: (work: Work) => Promise<void>,
): Promise<void> {
  const open = async (config: Config): Promise<MirrorFolder> =>
    (await import("../../app/mirrors.ts")).openMirrorFolder(config);
  await withOpened(options, open, (folder) =>
    refusing(refusals, () => work({ folder, output: createOutput(options) })),
  );
}

function status(): Command {
  return dataFolderCommand("status", "what each mirror holds and has been asked").action(
    (options: DataFolderOptions) =>
      withMirrors(options, async ({ folder, output }) => {
        for (const report of await folder.report()) {
          const { namespace, upstream, blobs, bytes, budgetBytes, failure, pins, counters } =
            report;
          const budget = budgetBytes === undefined ? "" : ` of ${formatBytes(budgetBytes)}`;
          const counts = Object.entries(counters).map(([name, value]) => `    ${name}: ${value}`);
          const pinned = pins.map((image) => `    pinned: ${image}`);
          const heading = `${namespace}  ${upstream}  ${blobs} blobs, ${formatBytes(bytes)}${budget}`;
          const failing =
            failure === undefined
              ? []
              : [`    failing since ${new Date(failure.sinceMs).toISOString()}: ${failure.reason}`];
          output.say(report, heading, ...failing, ...counts, ...pinned);
        }
      }),
  );
}

interface WarmOptions extends DataFolderOptions {
  readonly platform?: readonly string[];
  readonly referrers?: true;
}

function warm(): Command {
  return dataFolderCommand("warm", "fetch an image before somebody asks for it")
    .argument("<image>", "as it is pulled from here: docker.io/library/alpine:3.20")
    .option("--platform <os/arch...>", "only these platforms of a multi-platform image")
    .option("--referrers", "signatures and what else refers to it, too")
    .action((text: string, options: WarmOptions) =>
      withMirrors(options, async ({ folder, output }) => {
        const image = folder.parseImage(text);
        const platforms = options.platform ?? [];
        const copy = { platforms, referrers: options.referrers ?? false, isDryRun: false };
        const { failed, blobs } = await tell(text, folder.warm(image, copy), output);
        if (failed.length > 0) throw new CliError(`${text} could not be fetched`);
        if (blobs === 0 && platforms.length > 0)
          throw new CliError(`${text} has none of the platforms ${platforms.join(", ")}`);
      }),
    );
}

function pin(): Command {
  return dataFolderCommand("pin", "keep an image, whatever the budget says")
    .argument("<image>", "docker.io/library/alpine:3.20")
    .action((text: string, options: DataFolderOptions) =>
      withMirrors(options, async ({ folder, output }) => {
        const isNew = await folder.pin(folder.parseImage(text), true);
        output.say({ image: text, pinned: true }, isNew ? `pinned ${text}` : "it was pinned");
      }),
    );
}

function unpin(): Command {
  return dataFolderCommand("unpin", "let an image go when the budget says so")
    .argument("<image>", "docker.io/library/alpine:3.20")
    .action((text: string, options: DataFolderOptions) =>
      withMirrors(options, async ({ folder, output }) => {
        if (!(await folder.pin(folder.parseImage(text), false)))
          throw new CliError(`${text} is not pinned`);
        output.say({ image: text, pinned: false }, `unpinned ${text}`);
      }),
    );
}

function purge(): Command {
  return dataFolderCommand("purge", "forget a mirrored tag, or a repository with all that is in it")
    .argument("<image>", "docker.io/library/alpine:3.20, or docker.io/library/alpine for all of it")
    .action((text: string, options: DataFolderOptions) =>
      withMirrors(options, async ({ folder, output }) => {
        await folder.purge(folder.parseImage(text));
        output.say({ image: text, purged: true }, `purged ${text}`);
      }),
    );
}

interface SyncOptions extends DataFolderOptions {
  readonly dryRun?: true;
}

function sync(): Command {
  return dataFolderCommand("sync", "copy what the configuration schedules, now")
    .option("--dry-run", "say what would be fetched; only manifests are")
    .action((options: SyncOptions) =>
      withMirrors(options, async ({ folder, output }) => {
        const failures: string[] = [];
        for (const { name, run } of folder.schedules)
          failures.push(...(await tell(name, run(options.dryRun ?? false), output)).failed);
        if (failures.length > 0)
          throw new CliError(
            `could not be copied: ${failures.slice(0, 10).join(", ")}${failures.length > 10 ? ` and ${failures.length - 10} more` : ""}`,
          );
      }),
    );
}

/** Shows the progress of a copy and its result. Resolves with the failures and the number of blobs. */
async function tell(
  name: string,
  steps: AsyncIterable<SyncStep>,
  output: Output,
): Promise<{ readonly failed: readonly string[]; readonly blobs: number }> {
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
        failed.push(step.what);
        const { what, reason } = step;
        const line = () =>
          output.say({ failed: what, message: reason }, `failed: ${what}: ${reason}`);
        if (bar === undefined) line();
        else bar.pause(line);
        break;
      }
    }
  }
  bar?.end();
  const { tags, newManifests, newBlobs, newBytes } = sums;
  output.say(
    { name, ...sums, failures: failed.length },
    `${name}: ${tags} tags; new: ${newManifests} manifests, ${newBlobs} blobs, ${formatBytes(newBytes)}`,
  );
  return { failed, blobs: sums.blobs };
}
