import { execFile } from "node:child_process";
import { availableParallelism, loadavg } from "node:os";
import { promisify } from "node:util";
import { takeDelays, type Delays } from "../servers/berth.ts";
import type { Measurement, Place, Work } from "../workload/work.ts";
import { clientCpuSeconds, cpuSecondsOf, machineCpuSeconds, treeOf } from "./processes.ts";

const run = promisify(execFile);

/** One measurement, with the load of the machine. */
export interface Sample extends Measurement {
  /** The CPU time of the server, including warm-up and verification. `clientCpuSeconds` is that of the client. */
  readonly cpuSeconds: number;
  readonly clientCpuSeconds: number;
  readonly loadAverage: number;
  /** The share of all cores used by processes other than the server and its client. */
  readonly othersShare: number;
  /** The delays of Berth's event loop. Other servers have none. */
  readonly delays?: Delays;
}

/** A measurement is unreliable if other processes use a larger share. */
const noisyShare = 0.2;

/** Repeats the measurement while other processes are busy, and returns the quietest. Failures are not repeated. */
export async function measureQuietly(
  work: Work,
  createPlace: () => Place,
  watchedFolder: string | undefined,
  attempts: number,
): Promise<Sample> {
  let best: Sample | undefined;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const sample = await measure(work, createPlace(), watchedFolder);
    if (sample.failures.length > 0) return sample;
    if (best === undefined || sample.othersShare < best.othersShare) best = sample;
    if (best.othersShare <= noisyShare) break;
  }
  if (best === undefined) throw new Error("at least one attempt");
  return best;
}

async function measure(
  work: Work,
  place: Place,
  watchedFolder: string | undefined,
): Promise<Sample> {
  const { pid } = place.running;
  // Flushes the writes of the previous measurement, so that they do not slow this one.
  await run("sync", ["-f", place.createFolder()]);
  const takenDelays = async (): Promise<Delays | undefined> =>
    watchedFolder === undefined ? undefined : takeDelays(watchedFolder, treeOf(pid));

  await takenDelays();
  const before = [machineCpuSeconds(), cpuSecondsOf(pid), clientCpuSeconds()] as const;
  const begunAtMs = performance.now();
  const measurement = await work.measure(place);
  const seconds = (performance.now() - begunAtMs) / 1000;
  const cpuSeconds = cpuSecondsOf(pid) - before[1];
  const clientSeconds = clientCpuSeconds() - before[2];
  const others = machineCpuSeconds() - before[0] - cpuSeconds - clientSeconds;
  const delays = await takenDelays();
  return {
    ...measurement,
    cpuSeconds,
    clientCpuSeconds: clientSeconds,
    loadAverage: loadavg()[0] ?? NaN,
    othersShare: Math.max(0, others / seconds / availableParallelism()),
    ...(delays && { delays }),
  };
}
