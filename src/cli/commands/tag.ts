import { Command } from "commander";
import { pageSchema } from "../../api/fields.ts";
import {
  rollbackSchema,
  tagItemSchema,
  tagMoveSchema,
  tagSchema,
  type TagAnswer,
  type TagItemAnswer,
} from "../../api/tags.ts";
import {
  group,
  locate,
  parseImage,
  remoteCommand,
  type RemoteOptions,
} from "../support/options.ts";
import {
  factLines,
  formatBytes,
  shortDigest,
  shortTime,
  tableOf,
  type Line,
} from "../support/output.ts";
import { withRemote, type Remote } from "../support/remote.ts";
import { diffCommand, platformOf } from "./tag-diff.ts";

const notes = `
Examples:
  $ berth tag ls team/app
  $ berth tag show team/app:1.4               platforms, signatures and SBOMs
  $ berth tag history team/app:1.4            earlier digests, time and user
  $ berth tag rollback team/app:1.4           back to the previous digest
  $ berth tag diff team/app:1.4 1.5           layers, sizes and settings
  $ berth tag rm registry.example.com/team/app:old
`;

/** `berth tag …`: the tags of a repository on any Berth server. */
export function tagCommand(): Command {
  const command = new Command("tag").description("list, show, compare and move tags on a server");
  const commands = [list(), show(), history(), rollback(), diffCommand(), remove()];
  return group(command, commands).addHelpText("after", notes);
}

const imageCommand = (name: string, description: string): Command =>
  remoteCommand(name, description).argument("<image>", "namespace/name:tag");

/** Runs `work` with the server of an image, the image without its host, and its path in the API. */
function withImage(
  given: RemoteOptions,
  text: string,
  work: (remote: Remote, image: string, path: string) => Promise<void>,
): Promise<void> {
  const { options, name: image } = locate(given, text);
  const { name, tag } = parseImage(image);
  const path = `/repositories/${name}/-/tags/${encodeURIComponent(tag)}`;
  return withRemote(options, (remote) => work(remote, image, path));
}

function list(): Command {
  return remoteCommand("ls", "list the tags of a repository")
    .argument("<name>", "namespace/name")
    .option("--limit <number>", "the maximum number of tags")
    .action((text: string, given: RemoteOptions) => {
      const { options, name } = locate(given, text);
      return withRemote(options, ({ sayList }) =>
        sayList({
          page: pageSchema(tagItemSchema),
          path: `/repositories/${name}/-/tags`,
          heads: ["TAG", "DIGEST", "SIZE", "PULLS", "UPDATED", "CONTENT"],
          rowOf: (tag) => [
            tag.name,
            shortDigest(tag.digest),
            formatBytes(tag.size),
            String(tag.pull_count),
            shortTime(tag.last_updated),
            tag.artifact?.label ?? [...tag.images.map(platformOf), ...moreThan(tag)].join(", "),
          ],
        }),
      );
    });
}

/** `… and 12 more`, if the response has not all images of the tag. */
function moreThan({ images, image_count }: TagItemAnswer): readonly string[] {
  const more = image_count - images.length;
  return more > 0 ? [`… and ${more} more`] : [];
}

function show(): Command {
  return imageCommand("show", "show the image of a tag, and its referrers").action(
    (text: string, options: RemoteOptions) =>
      withImage(options, text, async ({ get, say }, image, path) => {
        const tag = await get(tagSchema, path);
        say(tag, ...description(image, tag));
      }),
  );
}

function description(image: string, tag: TagAnswer): readonly Line[] {
  const { artifact, images, referrers, last_updater: updater } = tag;
  const platforms = images.map((one) => [platformOf(one), formatBytes(one.size), one.digest]);
  const others = referrers.map((one) => [
    one.tag ?? one.artifact_type ?? one.media_type,
    formatBytes(one.size),
    one.digest,
  ]);
  return [
    ...factLines([
      ["tag", image],
      ["digest", tag.digest],
      ["type", tag.media_type],
      ...(artifact === null ? [] : artifactFacts(artifact, tag.size)),
      ["pushed", `${shortTime(tag.last_updated)}${updater === null ? "" : ` by ${updater}`}`],
      ["pulls", `${tag.pull_count}, last ${shortTime(tag.last_pulled)}`],
    ]),
    ...(artifact === null ? ["", ...tableOf(["PLATFORM", "SIZE", "DIGEST"], platforms)] : []),
    ...moreThan(tag),
    ...(others.length > 0 ? ["", ...tableOf(["REFERRER", "SIZE", "DIGEST"], others)] : []),
  ];
}

function artifactFacts(
  { label, app_version: appVersion }: NonNullable<TagAnswer["artifact"]>,
  size: number,
): readonly (readonly [string, string])[] {
  return [
    ["content", label],
    ...(appVersion === null ? [] : [["app version", appVersion] as const]),
    ["size", formatBytes(size)],
  ];
}

function history(): Command {
  return imageCommand("history", "list the earlier digests of a tag, the newest first")
    .option("--limit <number>", "the maximum number of entries")
    .action((text: string, options: RemoteOptions) =>
      withImage(options, text, ({ sayList }, _, path) =>
        sayList({
          page: pageSchema(tagMoveSchema),
          path: `${path}/history`,
          heads: ["SINCE", "BY", "DIGEST", ""],
          rowOf: (move) => [
            shortTime(move.changed_at),
            move.token_label === null ? (move.actor ?? "") : `${move.actor} (${move.token_label})`,
            move.digest ?? "deleted",
            move.digest !== null && !move.is_here ? "no longer stored" : "",
          ],
        }),
      ),
    );
}

function rollback(): Command {
  return imageCommand("rollback", "move a tag back to an earlier digest")
    .argument("[digest]", "a digest of its history (default: the previous one)")
    .action((text: string, digest: string | undefined, options: RemoteOptions) =>
      withImage(options, text, async ({ post, say }, image, path) => {
        const body = digest === undefined ? {} : { digest };
        const moved = await post(rollbackSchema, `${path}/rollback`, body);
        say({ image, ...moved }, `${image} points at ${moved.digest}`);
      }),
    );
}

function remove(): Command {
  return imageCommand("rm", "delete a tag; its manifest stays (gc.deleteUntagged)").action(
    (text: string, options: RemoteOptions) =>
      withImage(options, text, async (remote, image, path) => {
        await remote.delete(path);
        remote.say({ image, deleted: true }, `deleted ${image}`);
      }),
  );
}
