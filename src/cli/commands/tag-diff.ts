import type { Command } from "commander";
import { parseImage } from "../support/image-argument.ts";
import { formatBytes, type Line } from "../support/output.ts";
import { remoteCommand, withRemote, type RemoteOptions } from "../support/remote.ts";
import { factsOf, green, red, shortDigest, strong } from "../support/table.ts";
import { platformOf, type Difference } from "./tag-schemas.ts";

interface Options extends RemoteOptions {
  readonly platform?: string;
}

export function diffCommand(): Command {
  return remoteCommand("diff", "show what makes two tags different")
    .argument("<image>", "namespace/name:tag")
    .argument("<tag>", "another tag of the same repository")
    .option(
      "--platform <platform>",
      "os/architecture[/variant] (default: linux/amd64, if both have it)",
    )
    .action((image: string, to: string, options: Options) =>
      withRemote(options, async ({ get, output }) => {
        const { name, tag: from } = parseImage(image);
        const query = { from, to, platform: options.platform };
        const difference = await get<Difference>(`/repositories/${name}/-/diff`, query);
        output.say(difference, ...textOf(difference));
      }),
    );
}

function textOf({ from, to, layers, config, ...sums }: Difference): readonly Line[] {
  const change = `${sums.size_change < 0 ? "-" : "+"}${formatBytes(Math.abs(sums.size_change))}`;
  const lines: Line[] = [
    ...factsOf([
      ["compared", `${from.tag} and ${to.tag}, ${platformOf(to.image)}`],
      ["size", `${formatBytes(from.size)} → ${formatBytes(to.size)} (${change})`],
      ["to fetch", `${formatBytes(sums.download_size)} by who has ${from.tag}`],
    ]),
    "",
    [strong(`Layers: ${sums.layer_counts.shared} shared`)],
    ...layers.removed.map(({ digest, size }) => [
      red(`- ${shortDigest(digest)}  ${formatBytes(size)}`),
    ]),
    ...layers.added.map(({ digest, size }) => [
      green(`+ ${shortDigest(digest)}  ${formatBytes(size)}`),
    ]),
    ...more(
      sums.layer_counts.removed - layers.removed.length,
      sums.layer_counts.added - layers.added.length,
    ),
  ];
  if (config.length === 0) return [...lines, "", "Settings are the same."];
  lines.push("", [strong("Settings")]);
  for (const { field, from: old, to: fresh } of config) {
    if (old !== null) lines.push([red(`- ${field}: ${valueText(old)}`)]);
    if (fresh !== null) lines.push([green(`+ ${field}: ${valueText(fresh)}`)]);
  }
  lines.push(...more(sums.config_change_count - config.length));
  return lines;
}

/** A line with the number of omitted entries; none if nothing is omitted. */
function more(...counts: readonly number[]): readonly string[] {
  const sum = counts.reduce((all, count) => all + count, 0);
  return sum === 0 ? [] : [`… and ${sum} more`];
}

const valueText = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value);
