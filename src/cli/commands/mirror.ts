import { Command } from "commander";
import type { AdministeredMirrors, MirrorStatus } from "../support/administered-mirrors.ts";
import { onFolderOrServer } from "../support/data-folder.ts";
import { CliError } from "../support/failure.ts";
import { group, serverCommand, type ServerOptions } from "../support/options.ts";
import { formatBytes, orNone, unitsOf, type Say } from "../support/output.ts";
import { mirrorSettingsCommands } from "./mirror-settings.ts";

const notes = `
Examples:
  $ berth mirror status
  $ berth mirror add ghcr.io https://ghcr.io --public
  $ berth mirror set ghcr.io --cache-size 50GB
  $ berth mirror remove ghcr.io                       its repositories stay
  $ berth mirror warm docker.io/library/alpine:3.20 --platform linux/amd64
  $ berth mirror pin docker.io/library/alpine:3.20    it is never evicted
  $ berth mirror purge docker.io/library/alpine:3.20  delete the cached tag
  $ berth mirror purge docker.io/library/alpine       delete the repository
  $ berth mirror sync --dry-run                       list what would be copied
`;

/** `berth mirror …`: the mirrors of a registry, also while a server runs on its data folder. */
export function mirrorCommand(): Command {
  const command = new Command("mirror").description("manage mirrors of other registries");
  const content = [status(), warm(), pin(), unpin(), purge(), sync()];
  return group(command, [...mirrorSettingsCommands(), ...content]).addHelpText("after", notes);
}

function withMirrors(
  options: ServerOptions,
  work: (mirrors: AdministeredMirrors, say: Say) => Promise<void>,
): Promise<void> {
  return onFolderOrServer(options, {
    folder: async (context, say) => {
      const { localMirrors } = await import("../support/local-mirrors.ts");
      await work(await localMirrors(context, say), say);
    },
    server: async (remote) => {
      const { remoteMirrors } = await import("../support/remote-mirrors.ts");
      await work(remoteMirrors(remote), remote.say);
    },
  });
}

function status(): Command {
  return serverCommand("status", "show the cache and the counters of each mirror").action(
    (options: ServerOptions) =>
      withMirrors(options, async (mirrors, say) => {
        for await (const report of orNone(
          await mirrors.report(),
          "no mirrors: see docs/mirror.md",
        )) {
          const { namespace, upstream, blobs, bytes, budgetBytes, failure } = report;
          const units = budgetBytes === undefined ? undefined : unitsOf(budgetBytes);
          const limit = budgetBytes === undefined ? "" : ` of ${formatBytes(budgetBytes, units)}`;
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
            `${namespace}  ${upstream}  ${blobs} blobs, ${formatBytes(bytes, units)}${limit}`,
            ...details.map((line) => `    ${line}`),
          );
        }
      }),
  );
}

function scheduleLine({ name, last, nextAtMs }: MirrorStatus["schedules"][number]): string {
  const time = (ms: number | null): string => (ms === null ? "" : new Date(ms).toISOString());
  const before = last === undefined ? "never" : `${last.state} ${time(last.endedAtMs)}`;
  return `schedule ${name}: last run ${before}, next ${nextAtMs === undefined ? "by hand" : time(nextAtMs)}`;
}

interface WarmOptions extends ServerOptions {
  readonly platform?: readonly string[];
  readonly referrers?: true;
}

function warm(): Command {
  return serverCommand("warm", "download an image before clients pull it")
    .argument("<image>", "the name in this registry: docker.io/library/alpine:3.20")
    .option("--platform <os/arch...>", "only these platforms of a multi-platform image")
    .option("--referrers", "also signatures and other referrers")
    .action((text: string, options: WarmOptions) =>
      withMirrors(options, async (mirrors) => {
        const platforms = options.platform ?? [];
        const referrers = options.referrers ?? false;
        const { stats } = await mirrors.warm(text, { platforms, referrers });
        // Loaded here, so that the other commands start without it.
        const { warmFailure } = await import("../../mirror/sync/jobs.ts");
        const failure = warmFailure(text, stats, platforms);
        if (failure !== undefined) throw new CliError(failure);
      }),
    );
}

function pin(): Command {
  return serverCommand("pin", "exclude an image from eviction")
    .argument("<image>", "docker.io/library/alpine:3.20")
    .action((text: string, options: ServerOptions) =>
      withMirrors(options, async (mirrors, say) => {
        const isNew = await mirrors.pin(text, true);
        say({ image: text, pinned: true }, isNew ? `pinned ${text}` : `${text} is pinned already`);
      }),
    );
}

function unpin(): Command {
  return serverCommand("unpin", "include an image in eviction again")
    .argument("<image>", "docker.io/library/alpine:3.20")
    .action((text: string, options: ServerOptions) =>
      withMirrors(options, async (mirrors, say) => {
        if (!(await mirrors.pin(text, false))) throw new CliError(`${text} is not pinned`);
        say({ image: text, pinned: false }, `unpinned ${text}`);
      }),
    );
}

function purge(): Command {
  return serverCommand("purge", "delete a cached tag, or a cached repository")
    .argument("<image>", "docker.io/library/alpine:3.20; without a tag the repository")
    .action((text: string, options: ServerOptions) =>
      withMirrors(options, async (mirrors, say) => {
        await mirrors.purge(text);
        say({ image: text, purged: true }, `purged ${text}`);
      }),
    );
}

interface SyncOptions extends ServerOptions {
  readonly dryRun?: true;
}

function sync(): Command {
  return serverCommand("sync", "run all schedules of the mirrors now")
    .option("--dry-run", "list what would be copied; downloads only manifests")
    .action((options: SyncOptions) =>
      withMirrors(options, async (mirrors) => {
        const failed: string[] = [];
        let failures = 0;
        for (const { run } of await mirrors.schedules()) {
          const copied = await run(options.dryRun ?? false);
          failed.push(...copied.failed);
          failures += copied.stats.failures;
        }
        if (failures === 0) return;
        const more = failures > 10 ? ` and ${failures - 10} more` : "";
        throw new CliError(`could not be copied: ${failed.slice(0, 10).join(", ")}${more}`);
      }),
    );
}
