import { Command } from "commander";
import { group } from "../support/administration.ts";
import { parseImage } from "../support/image-argument.ts";
import { formatBytes } from "../support/output.ts";
import { limitOf, remoteCommand, withRemote, type RemoteOptions } from "../support/remote.ts";
import { factsOf, shortDigest, shortTime, tableOf } from "../support/table.ts";
import { diffCommand } from "./tag-diff.ts";
import { platformOf, platformsOf, type TagMoveAnswer, type TagAnswer } from "./tag-schemas.ts";

const notes = `
Examples:
  $ berth tag ls team/app
  $ berth tag show team/app:1.4               platforms, signatures and SBOMs
  $ berth tag history team/app:1.4            what it pointed at, since when, by whom
  $ berth tag rollback team/app:1.4           back to what it pointed at before
  $ berth tag diff team/app:1.4 1.5           layers, sizes and settings that differ
  $ berth tag rm team/app:old --host registry.example.com
`;

/** `berth tag …`: the tags of a repository on any Berth server. */
export function tagCommand(): Command {
  const command = new Command("tag").description("list, show, compare and move tags on a server");
  const commands = [list(), show(), history(), rollback(), diffCommand(), remove()];
  return group(command, commands).addHelpText("after", notes);
}

const imageCommand = (name: string, description: string): Command =>
  remoteCommand(name, description).argument("<image>", "namespace/name:tag");

const pathOf = (image: string): string => {
  const { name, tag } = parseImage(image);
  return `/repositories/${name}/-/tags/${encodeURIComponent(tag)}`;
};

function list(): Command {
  return remoteCommand("ls", "list the tags of a repository")
    .argument("<name>", "namespace/name")
    .option("--limit <number>", "so many at most")
    .action((name: string, options: RemoteOptions) =>
      withRemote(options, async ({ items, output }) => {
        const rows: string[][] = [];
        const found = items<TagAnswer>(`/repositories/${name}/-/tags`, limitOf(options));
        for await (const tag of found) {
          if (options.json) output.say(tag, "");
          else
            rows.push([
              ...[tag.name, shortDigest(tag.digest), formatBytes(tag.size)],
              ...[String(tag.pull_count), shortTime(tag.last_updated)],
              platformsOf(tag),
            ]);
        }
        const heads = ["TAG", "DIGEST", "SIZE", "PULLS", "UPDATED", "PLATFORMS"];
        if (!options.json) output.say({}, ...tableOf(heads, rows));
      }),
    );
}

function show(): Command {
  return imageCommand("show", "show what a tag points at, and what refers to it").action(
    (image: string, options: RemoteOptions) =>
      withRemote(options, async ({ get, output }) => {
        const tag = await get<TagAnswer>(pathOf(image));
        const { images, referrers = [] } = tag;
        const facts = factsOf([
          ["tag", image],
          ["digest", tag.digest],
          ["type", tag.media_type],
          [
            "pushed",
            `${shortTime(tag.last_updated)}${tag.last_updater === null ? "" : ` by ${tag.last_updater}`}`,
          ],
          ["pulls", `${tag.pull_count}, last ${shortTime(tag.last_pulled)}`],
        ]);
        const platforms = images.map((held) => [
          ...[platformOf(held), formatBytes(held.size), held.digest],
        ]);
        const others = referrers.map(({ artifact_type, media_type, size, digest, tag: named }) => [
          ...[named ?? artifact_type ?? media_type, formatBytes(size), digest],
        ]);
        const lines = [...facts, "", ...tableOf(["PLATFORM", "SIZE", "DIGEST"], platforms)];
        if (tag.image_count > images.length)
          lines.push(`… and ${tag.image_count - images.length} more platforms`);
        if (others.length > 0) lines.push("", ...tableOf(["REFERRER", "SIZE", "DIGEST"], others));
        output.say(tag, ...lines);
      }),
  );
}

function history(): Command {
  return imageCommand("history", "show what a tag pointed at, the newest first")
    .option("--limit <number>", "so many at most")
    .action((image: string, options: RemoteOptions) =>
      withRemote(options, async ({ items, output }) => {
        const rows: string[][] = [];
        for await (const move of items<TagMoveAnswer>(
          `${pathOf(image)}/history`,
          limitOf(options),
        )) {
          if (options.json) output.say(move, "");
          else
            rows.push([
              ...[shortTime(move.changed_at), move.actor ?? "", move.digest ?? "removed"],
              move.digest !== null && !move.is_here ? "gone" : "",
            ]);
        }
        if (!options.json) output.say({}, ...tableOf(["SINCE", "BY", "DIGEST", ""], rows));
      }),
    );
}

function rollback(): Command {
  return imageCommand("rollback", "point a tag where it pointed before")
    .argument("[digest]", "one of its history; otherwise the last other one")
    .action((image: string, digest: string | undefined, options: RemoteOptions) =>
      withRemote(options, async ({ send, output }) => {
        const body = digest === undefined ? {} : { digest };
        const moved = await send<{ digest: string }>("POST", `${pathOf(image)}/rollback`, body);
        output.say({ image, ...moved }, `${image} points at ${moved.digest}`);
      }),
    );
}

function remove(): Command {
  return imageCommand("rm", "remove a tag; its manifest goes when nothing else names it").action(
    (image: string, options: RemoteOptions) =>
      withRemote(options, async ({ send, output }) => {
        await send("DELETE", pathOf(image));
        output.say({ image, deleted: true }, `removed ${image}`);
      }),
  );
}
