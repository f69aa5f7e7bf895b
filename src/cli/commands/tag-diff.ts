import type { Command } from "commander";
import { diffSchema, type TagDiffAnswer } from "../../api/tag-diff.ts";
import type { ImageAnswer } from "../../api/tags.ts";
import { locate, parseImage, remoteCommand, type RemoteOptions } from "../support/options.ts";
import {
  factLines,
  formatBytes,
  shortDigest,
  strong,
  type Line,
  type Styled,
} from "../support/output.ts";
import { withRemote } from "../support/remote.ts";

interface Options extends RemoteOptions {
  readonly platform?: string;
}

/** `berth tag diff` */
export function diffCommand(): Command {
  return remoteCommand("diff", "show the differences between two tags")
    .argument("<image>", "namespace/name:tag")
    .argument("<tag>", "another tag of the same repository")
    .option(
      "--platform <platform>",
      "os/architecture[/variant] (default: linux/amd64, if both have it)",
    )
    .action((text: string, to: string, given: Options) => {
      const { options, name: image } = locate(given, text);
      const { name, tag: from } = parseImage(image);
      return withRemote(options, async ({ get, say }) => {
        const query = { from, to, platform: options.platform };
        const diff = await get(diffSchema, `/repositories/${name}/-/diff`, query);
        say(diff, ...description(diff));
      });
    });
}

function description({ from, to, layers, config, ...sums }: TagDiffAnswer): readonly Line[] {
  const { removed, added } = layers;
  const counts = sums.layer_counts;
  const change = `${sums.size_change < 0 ? "-" : "+"}${formatBytes(Math.abs(sums.size_change))}`;
  const lines: Line[] = [
    ...factLines([
      ["compared", `${nameOf(from)} and ${nameOf(to)}, ${platformOf(to.image)}`],
      ["size", `${formatBytes(from.size)} → ${formatBytes(to.size)} (${change})`],
      ["download", `${formatBytes(sums.download_size)} for a client that has ${nameOf(from)}`],
    ]),
    "",
    [strong(`Layers: ${counts.shared} shared`)],
    ...removed.map(({ digest, size }) => [red(`- ${shortDigest(digest)}  ${formatBytes(size)}`)]),
    ...added.map(({ digest, size }) => [green(`+ ${shortDigest(digest)}  ${formatBytes(size)}`)]),
    ...more(counts.removed - removed.length + counts.added - added.length),
    "",
  ];
  if (config.length === 0) return [...lines, "The settings are the same."];
  lines.push([strong("Settings")]);
  for (const { field, from: old, to: fresh } of config) {
    if (old !== null) lines.push([red(`- ${field}: ${valueText(old)}`)]);
    if (fresh !== null) lines.push([green(`+ ${field}: ${valueText(fresh)}`)]);
  }
  return [...lines, ...more(sums.config_change_count - config.length)];
}

const green = (text: string): Styled => ({ style: "green", text });
const red = (text: string): Styled => ({ style: "red", text });

/** A line with the number of omitted entries; none if nothing is omitted. */
const more = (count: number): readonly string[] => (count === 0 ? [] : [`… and ${count} more`]);

const valueText = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value);

/** `linux/arm64/v8`, `windows/amd64 10.0.20348.2762` */
export function platformOf({ os, architecture, variant, os_version }: ImageAnswer): string {
  const platform = [os || "?", architecture || "?", ...(variant === null ? [] : [variant])];
  return `${platform.join("/")}${os_version === null ? "" : ` ${os_version}`}`;
}

const nameOf = ({ tag, digest }: TagDiffAnswer["from"]): string => tag ?? shortDigest(digest);
