import type { Command } from "commander";
import { limitOf, remoteCommand, withRemote, type RemoteOptions } from "../support/remote.ts";
import { tableOf } from "../support/table.ts";

interface Options extends RemoteOptions {
  readonly os?: string;
  readonly architecture?: string;
  readonly osVersion?: string;
  readonly type?: string;
  readonly official?: true;
}

interface Found {
  readonly short_name: string;
  readonly description: string;
  readonly star_count: number;
  readonly pull_count: number;
  readonly is_official: boolean;
  readonly is_private: boolean;
}

/** `berth search` */
export function searchCommand(): Command {
  return remoteCommand("search", "find repositories that you may read")
    .argument("<words...>", "beginnings of words in name, description or README")
    .option("--os <name>", "with an image for it: linux, windows")
    .option("--architecture <name>", "with an image for it: amd64, arm64")
    .option("--os-version <version>", "with an image for this Windows build")
    .option("--type <type>", "image, helm, plugin")
    .option("--official", "in library only")
    .option("--limit <number>", "so many at most", "25")
    .action((words: readonly string[], options: Options) =>
      withRemote(options, async ({ items, output }) => {
        const { os, architecture, osVersion: os_version, type, official } = options;
        const query = { query: words.join(" "), os, architecture, os_version, type };
        const is_official = official ? "true" : undefined;
        const rows: string[][] = [];
        const found = items<Found>("/search", { ...query, is_official, ...limitOf(options) });
        for await (const result of found) {
          if (options.json) output.say(result, "");
          else rows.push(rowOf(result));
        }
        if (!options.json)
          output.say({}, ...tableOf(["NAME", "STARS", "PULLS", "", "DESCRIPTION"], rows));
      }),
    );
}

function rowOf(result: Found): string[] {
  const mark = result.is_official ? "official" : result.is_private ? "private" : "";
  const counts = [String(result.star_count), String(result.pull_count)];
  return [result.short_name, ...counts, mark, result.description];
}
