import type { Command } from "commander";
import { pageSchema } from "../../api/fields.ts";
import { searchResultSchema } from "../../api/search.ts";
import { remoteCommand, type RemoteOptions } from "../support/options.ts";
import { withRemote } from "../support/remote.ts";

interface Options extends RemoteOptions {
  readonly os?: string;
  readonly architecture?: string;
  readonly osVersion?: string;
  readonly type?: string;
  readonly official?: true;
}

/** `berth search` */
export function searchCommand(): Command {
  return remoteCommand("search", "find repositories that you may read")
    .argument("<words...>", "the first letters of words in name, description or README")
    .option("--os <name>", "only with an image for this system: linux, windows")
    .option("--architecture <name>", "only with an image for this architecture: amd64, arm64")
    .option("--os-version <version>", "only with an image for this Windows build")
    .option("--type <type>", "only of this type: image, helm, plugin")
    .option("--official", "only in the namespace library")
    .option("--limit <number>", "the maximum number of results", "25")
    .action((words: readonly string[], options: Options) =>
      withRemote(options, ({ sayList }) =>
        sayList({
          page: pageSchema(searchResultSchema),
          path: "/search",
          query: {
            query: words.join(" "),
            os: options.os,
            architecture: options.architecture,
            os_version: options.osVersion,
            type: options.type,
            is_official: options.official ? "true" : undefined,
          },
          heads: ["NAME", "STARS", "PULLS", "", "DESCRIPTION"],
          rowOf: (result) => [
            result.short_name,
            String(result.star_count),
            String(result.pull_count),
            result.is_official ? "official" : result.is_private ? "private" : "",
            result.description,
          ],
        }),
      ),
    );
}
