import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { hasChanges } from "../servers/berth.ts";
import type { Scale, Work } from "../workload/work.ts";
import type { Machine } from "./machine.ts";
import { changesOf, changesTable, namesBefore } from "./compare.ts";
import {
  cpuTable,
  figuresTable,
  insideTable,
  medianValue,
  type ReportedServer,
  type Samples,
} from "./report.ts";

export interface Run {
  readonly works: readonly Work[];
  readonly servers: readonly ReportedServer[];
  readonly samples: Samples;
  readonly machine: Machine;
  readonly scale: Scale;
  readonly rounds: number;
  /** Whether all workloads ran at full size. */
  readonly whole: boolean;
}

/**
 * Returns the tables and writes them to `results/latest.tmp`. Writes every sample to `results/DATE-COMMIT.json`, with
 * another commit beside Berth to `results/DATE-COMMIT-BEFORE.json`, and after a partial run to `results/part.tmp`.
 */
export function writeResults(run: Run): string {
  const { works, servers, samples, machine, scale, rounds } = run;
  const date = new Date().toISOString().slice(0, 10);
  const versionOf = (server: string): string | undefined =>
    servers.find(({ name }) => name === server)?.version;
  const commit = versionOf("berth") ?? "unknown";
  const before = versionOf(namesBefore.berth);
  const changed = hasChanges();
  const figures = works.map(({ name, title, unit }) => ({
    name,
    title,
    unit,
    servers: [...(samples.get(name) ?? [])].map(([server, rounds]) => ({
      server,
      median: medianValue(rounds),
      rounds,
    })),
  }));
  const result = { date, commit, changed, machine, scale, rounds, servers, figures };

  const folder = path.join(import.meta.dirname, "../results");
  mkdirSync(folder, { recursive: true });
  const file = run.whole ? `${[date, commit, before ?? []].flat().join("-")}.json` : "part.tmp";
  writeFileSync(path.join(folder, file), `${JSON.stringify(result, undefined, 2)}\n`);

  const loads = machine.loadAverage.map((load) => load.toFixed(1)).join(" ");
  const text = [
    figuresTable(works, servers, samples),
    insideTable(works, samples),
    cpuTable(works, samples),
    changesTable(changesOf(works, samples), { before: before ?? "", now: commit }),
    `${servers.map(({ name, version }) => `${name} ${version}`).join(", ")}${changed ? "; berth with changes" : ""}. ` +
      `${machine.cores} cores with the client on the same, ${machine.processor}, ${machine.memoryGiB} GiB, ` +
      `${machine.fileSystem}, Linux ${machine.kernel}, Node ${machine.node}; medians of ${rounds} rounds; ` +
      `load average at the end ${loads}`,
  ]
    .filter((part) => part !== "")
    .join("\n\n");
  writeFileSync(path.join(folder, "latest.tmp"), `${text}\n`);
  return text;
}
