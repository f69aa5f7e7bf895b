import type { Unit, Work } from "../workload/work.ts";
import type { Sample } from "./measuring.ts";
import { formatTable, inMiB, inMs, medianOf, MiB } from "./table.ts";

/** All samples by name of the workload, then by name of the server. */
export type Samples = ReadonlyMap<string, ReadonlyMap<string, readonly Sample[]>>;

export interface ReportedServer {
  readonly name: string;
  readonly version: string;
  readonly peakBytes: number;
}

/** A figure as text, by its unit. */
export const formats: Record<Unit, (value: number) => string> = {
  "req/s": (value) => `${(value / 1000).toFixed(1)}k/s`,
  "images/s": (value) => `${value.toFixed(0)}/s`,
  "B/s": (value) => `${(value / 1e9).toFixed(2)} GB/s`,
  ms: inMs,
  B: inMiB,
};

export const medianValue = (samples: readonly Sample[] | undefined): number =>
  medianOf((samples ?? []).map(({ value }) => value));

/** The figures of all servers, with Berth's ratio to each server in brackets. */
export function figuresTable(
  works: readonly Work[],
  servers: readonly ReportedServer[],
  samples: Samples,
): string {
  const rows = works.map((work) => {
    const seen = samples.get(work.name);
    const berth = medianValue(seen?.get("berth"));
    const cells = servers.map(({ name }) => {
      const value = medianValue(seen?.get(name));
      if (Number.isNaN(value)) return "";
      const text = formats[work.unit](value);
      return name === "berth" ? text : `${text} (${(berth / value).toFixed(2)}×)`;
    });
    return [work.title, ...cells, mustOf(work, seen)];
  });
  const peaks = servers.map(({ name, peakBytes }) => (name === "nginx" ? "" : inMiB(peakBytes)));
  const peak = servers.find(({ name }) => name === "berth")?.peakBytes ?? NaN;
  const peakMust = `< 300 MiB: ${verdict(peak < 300 * MiB)}`;
  rows.push(["RSS peak over the run", ...peaks, peakMust]);
  const late = worstDelay(samples);
  if (!Number.isNaN(late)) {
    const cells = servers.map(({ name }) => (name === "berth" ? inMs(late) : ""));
    rows.push(["event loop p99, of the worst work", ...cells, `< 50 ms: ${verdict(late < 50)}`]);
  }
  return formatTable(["work", ...servers.map(({ name }) => name), "must"], rows);
}

function mustOf(
  { must, unit }: Work,
  seen: ReadonlyMap<string, readonly Sample[]> | undefined,
): string {
  if (must === undefined) return "";
  const berth = medianValue(seen?.get("berth"));
  if ("under" in must) return `< ${formats[unit](must.under)}: ${verdict(berth < must.under)}`;
  const ratio = berth / medianValue(seen?.get(must.of));
  const text = `≥ ${must.factor} × ${must.of}`;
  return Number.isNaN(ratio) ? text : `${text}: ${verdict(ratio >= must.factor)}`;
}

/** The median over the rounds, of the workload with the highest median. */
function worstDelay(samples: Samples): number {
  const medians = [...samples.values()]
    .map((seen) => (seen.get("berth") ?? []).flatMap(({ delays }) => delays?.p99Ms ?? []))
    .filter((seen) => seen.length > 0)
    .map(medianOf);
  return medians.length === 0 ? NaN : Math.max(...medians);
}

const verdict = (met: boolean): string => (met ? "yes" : "**no**");

/** The measurements of Berth's processes, and of the other processes of the machine. */
export function insideTable(works: readonly Work[], samples: Samples): string {
  const rows = works.flatMap((work) => {
    const seen = samples.get(work.name)?.get("berth") ?? [];
    const delays = seen.flatMap((sample) => sample.delays ?? []);
    if (delays.length === 0) return [];
    const median = (of: (sample: Sample) => number): number => medianOf(seen.map(of));
    const p99 = median((sample) => sample.p99Ms ?? NaN);
    return [
      [
        work.title,
        `${inMs(medianOf(delays.map(({ p99Ms }) => p99Ms)))} / ${inMs(Math.max(...delays.map(({ maxMs }) => maxMs)))}`,
        Number.isNaN(p99) ? "" : inMs(p99),
        `${median(({ cpuSeconds }) => cpuSeconds).toFixed(1)} s`,
        median(({ loadAverage }) => loadAverage).toFixed(1),
        `${(100 * median(({ othersShare }) => othersShare)).toFixed(0)} %`,
      ],
    ];
  });
  const heads = ["work (Berth)", "event loop p99 / max", "answers p99", "CPU", "load", "others"];
  return formatTable(heads, rows);
}

/** The CPU milliseconds that Berth spends on one pushed image, by thread; empty without a measured push. */
export function cpuTable(works: readonly Work[], samples: Samples): string {
  const measured = works.flatMap((work) => {
    const seen = samples.get(work.name)?.get("berth") ?? [];
    const rounds = seen.map((sample) => sample.cpuMsByThread).filter((cpu) => cpu !== undefined);
    return rounds.length === 0 ? [] : [{ title: work.title, rounds }];
  });
  if (measured.length === 0) return "";
  const threads = new Set(
    measured.flatMap(({ rounds }) => rounds.flatMap((cpu) => Object.keys(cpu))),
  );
  const rows = measured.map(({ title, rounds }) => {
    const sums = rounds.map((cpu) => Object.values(cpu).reduce((sum, ms) => sum + ms, 0));
    const parts = [...threads].map((name) => medianOf(rounds.map((cpu) => cpu[name] ?? 0)));
    return [title, ...[medianOf(sums), ...parts].map((ms) => ms.toFixed(2))];
  });
  return formatTable(["CPU ms an image (Berth)", "all threads", ...threads], rows);
}

export function failuresOf(samples: Samples): readonly string[] {
  return [...samples].flatMap(([work, seen]) =>
    [...seen].flatMap(([server, rounds]) =>
      rounds.flatMap(({ failures }) =>
        failures.length === 0
          ? []
          : `${work}, ${server}: ${failures.length} failures: ${failures[0]}`,
      ),
    ),
  );
}
