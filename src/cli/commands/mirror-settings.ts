import type { Command } from "commander";
import { mirrorSchema, type MirrorChanges, type NewMirror } from "../../api/mirrors.ts";
import { parseDuration, parseSize } from "../../config/quantities.ts";
import { onFolderOrServer } from "../support/data-folder.ts";
import { CliError, UsageError } from "../support/failure.ts";
import { serverCommand, type ServerOptions } from "../support/options.ts";
import type { Say } from "../support/output.ts";
import { readFirstLine } from "../support/password.ts";

interface SettingsOptions extends ServerOptions {
  readonly upstream?: string;
  /** `false`: no account any more. */
  readonly upstreamUser?: string | false;
  readonly upstreamPasswordFile?: string;
  readonly public?: true;
  readonly private?: true;
  readonly root?: boolean;
  readonly alias?: readonly string[];
  readonly tokenHost?: readonly string[];
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  readonly foreignLayerHost?: readonly string[];
  readonly tagTtl?: string;
  readonly cacheSize?: string;
  readonly prefetch?: string;
  readonly allowPrivateNetwork?: boolean;
  readonly upstreamInsecure?: boolean;
}

/** `berth mirror add|set|remove`: mirrors that are not in the configuration. Servers obey within two seconds. */
export const mirrorSettingsCommands = (): readonly Command[] => [
  withSettings(serverCommand("add", "add a mirror; running servers obey within two seconds"))
    .argument("<namespace>", "the first component of its repository names: ghcr.io")
    .argument("<upstream>", "the URL of the registry: https://ghcr.io")
    .action(async (namespace: string, upstream: string, options: SettingsOptions) => {
      const given = { ...(await changesOf(options)), namespace, upstream };
      await withChanges(options, async (mirrors, say) => {
        await mirrors.add(given);
        say({ namespace, upstream, added: true }, `${namespace} mirrors ${upstream}`);
      });
    }),
  withSettings(serverCommand("set", "change a mirror that was added"))
    .argument("<namespace>")
    .option("--upstream <url>", "the URL of the registry")
    .action(async (namespace: string, options: SettingsOptions) => {
      const changes = await changesOf(options);
      if (Object.values(changes).every((value) => value === undefined))
        throw new UsageError("name at least one setting: berth mirror set --help lists them");
      await withChanges(options, async (mirrors, say) => {
        await mirrors.change(namespace, changes);
        say({ namespace, changed: true }, `changed the mirror ${namespace}`);
      });
    }),
  serverCommand("remove", "remove a mirror that was added; its repositories stay")
    .argument("<namespace>")
    .action((namespace: string, options: ServerOptions) =>
      withChanges(options, async (mirrors, say) => {
        await mirrors.remove(namespace);
        say({ namespace, removed: true }, `removed the mirror ${namespace}; its repositories stay`);
      }),
    ),
];

const withSettings = (command: Command): Command =>
  command
    .option("--upstream-user <name>", "the account at the upstream")
    .option("--no-upstream-user", "no account, and no password")
    .option("--upstream-password-file <file>", "the first line is the password of this account")
    .option("--public", "everyone may pull")
    .option("--private", "only members of the namespace's organisation may pull (default)")
    .option("--root", "also for all names that this registry does not host")
    .option("--no-root", "only for names that begin with the namespace")
    .option("--alias <host...>", "other values of ns for this mirror")
    .option("--token-host <host...>", "token services that may get the password")
    .option("--allow <glob...>", "repositories to mirror (default: all)")
    .option("--deny <glob...>", "repositories not to mirror")
    .option("--foreign-layer-host <host...>", "hosts of layers of older Windows images")
    .option("--tag-ttl <time>", "how long a tag is used without asking the upstream, such as 5m")
    .option("--cache-size <size>", "the most bytes to keep, such as 50GB; none: no limit")
    .option("--prefetch <n>", "the next layers that are downloaded together with a pulled one")
    .option("--allow-private-network", "the upstream may have an address that is not public")
    .option("--no-allow-private-network")
    .option("--upstream-insecure", "do not verify the certificate of the upstream")
    .option("--no-upstream-insecure");

async function changesOf(options: SettingsOptions): Promise<MirrorChanges> {
  const { upstreamUser: user, upstreamPasswordFile: file } = options;
  if (options.public && options.private)
    throw new UsageError("--public and --private contradict each other");
  if (user === false && file !== undefined)
    throw new UsageError("--no-upstream-user and --upstream-password-file contradict each other");
  return {
    upstream: options.upstream,
    username: user === false ? null : user,
    password: user === false ? null : await passwordIn(file),
    is_private: options.public || options.private ? options.private === true : undefined,
    is_root: options.root,
    aliases: listOf(options.alias),
    token_hosts: listOf(options.tokenHost),
    allow: listOf(options.allow),
    deny: listOf(options.deny),
    foreign_layer_hosts: listOf(options.foreignLayerHost),
    tag_ttl: secondsOf(options.tagTtl),
    cache_size: bytesOf(options.cacheSize),
    prefetch: layersOf(options.prefetch),
    allow_private_network: options.allowPrivateNetwork,
    insecure: options.upstreamInsecure,
  };
}

async function passwordIn(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const password = await readFirstLine(file);
  if (password === "") throw new CliError(`the first line of ${file} is empty`);
  return password;
}

/** An empty text makes the list empty: `--deny ""`. */
const listOf = (given: readonly string[] | undefined): string[] | undefined =>
  given?.filter((one) => one !== "");

function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const durationMs = parseDuration(text);
  if (durationMs === undefined)
    throw new UsageError(`--tag-ttl must be a time such as 5m, not ${text}`);
  return Math.round(durationMs / 1_000);
}

function bytesOf(text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined;
  if (text === "none") return null;
  const bytes = parseSize(text);
  if (bytes === undefined)
    throw new UsageError(`--cache-size must be a size such as 50GB, or none, not ${text}`);
  return bytes;
}

function layersOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,3}$/.test(text))
    throw new UsageError(`--prefetch must be a number from 0 to 100, not ${text}`);
  return Number(text);
}

/** The changes of mirrors on a data folder or on a running server. */
interface AdministeredSettings {
  readonly add: (mirror: NewMirror) => Promise<void>;
  readonly change: (namespace: string, changes: MirrorChanges) => Promise<void>;
  readonly remove: (namespace: string) => Promise<void>;
}

function withChanges(
  options: ServerOptions,
  work: (mirrors: AdministeredSettings, say: Say) => Promise<void>,
): Promise<void> {
  const pathOf = (namespace: string): string => `/mirrors/${encodeURIComponent(namespace)}`;
  return onFolderOrServer(options, {
    folder: async (context, say) => {
      const { actor } = context;
      const added = await context.addedMirrors();
      const mirrors: AdministeredSettings = {
        add: (mirror) => added.add(actor, mirror),
        change: (namespace, changes) => added.change(actor, namespace, changes),
        remove: (namespace) => added.remove(actor, namespace),
      };
      await work(mirrors, say);
    },
    server: (remote) =>
      work(
        {
          async add(mirror) {
            await remote.post(mirrorSchema, "/mirrors", mirror);
          },
          async change(namespace, changes) {
            await remote.patch(mirrorSchema, pathOf(namespace), changes);
          },
          remove: (namespace) => remote.delete(pathOf(namespace)),
        },
        remote.say,
      ),
  });
}
