import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { openConnection, type Connection } from "../client/connection.ts";
import { digestOf } from "../client/content.ts";
import { createImage, manifestType } from "../client/image.ts";
import { expectStatus, pushImage } from "../client/push.ts";
import { measurePages } from "../listing/measure.ts";
import { again, type Pages } from "../listing/pages.ts";
import { cpuSecondsOf } from "../support/processes.ts";
import { runClient, runWrk } from "../workload/work.ts";
import type { RunningServer } from "../servers/program.ts";
import type { Figures, RowName } from "./report.ts";
import type { Registry } from "./registries.ts";
import { imageOf, imagesIn, repositoryOf, samplesOf, type Sample } from "./stock.ts";

/** A running server on a registry, and the number of the turn, so that each pushed blob is new. */
export interface Place {
  readonly registry: Registry;
  readonly running: RunningServer;
  readonly turn: number;
  readonly round: number;
  /** The server of the database, if it is a separate program. */
  readonly databasePid: number | undefined;
}

export type ScaleWork = (place: Place) => Promise<Figures>;

const execute = promisify(execFile);
const pushes = 50;
const pushesToLargest = 20;
const pushesAtOnce = 400;
const pulls = 100;
const manifests = 2_000;
const readers = 8;
const wrkSeconds = 2;
const pageSeconds = 0.25;

/** Flushes the writes of the work before, so that they do not slow this one. */
export const flush = ({ folder }: Registry): Promise<unknown> =>
  execute("sync", ["-f", folder], { timeout: 600_000 });

/** Pushes new images, one after another, to random repositories and to the largest. */
export async function pushOneByOne({ registry, running, turn, databasePid }: Place) {
  const { stock } = registry;
  const homes = [...samplesOf(stock, pushes, turn)].map(({ repository }) => repository.name);
  const largest = Array.from({ length: pushesToLargest }, () => repositoryOf(0).name);
  const cpu = countCpu(running, databasePid);
  const spread = await pushTo(running, homes, `spread ${turn}`);
  const pushCpu = cpu(pushes);
  const inOne = await pushTo(running, largest, `largest ${turn}`);
  return {
    ...{ pushP50: partOf(spread, 0.5), pushP99: partOf(spread, 0.99), pushCpu },
    pushLargest: partOf(inOne, 0.5),
  } satisfies Figures;
}

async function pushTo({ host }: RunningServer, names: readonly string[], seed: string) {
  const images = names.map((_, at) => createImage(`${seed} ${at}`, [2048]));
  return onConnection(host, async (connection) => {
    const times: number[] = [];
    for (const [at, repository] of names.entries()) {
      const image = images[at]!;
      const tag = `pushed-${image.digest.slice(7, 19)}`;
      const begun = performance.now();
      await pushImage(connection, { repository, tag, image, way: "put" });
      times.push(performance.now() - begun);
    }
    return times;
  });
}

export async function pushManyAtOnce({ running, turn, databasePid }: Place): Promise<Figures> {
  const cpu = countCpu(running, databasePid);
  const { amount, seconds, failures } = await runClient("pushSmall", {
    ...{ host: running.host, repository: `bench/push-${turn}`, seed: `at once ${turn}` },
    ...{ images: pushesAtOnce, writers: 16, repositories: 64, way: "put" },
  });
  if (failures[0] !== undefined) throw new Error(failures[0]);
  return { pushRate: amount / seconds, pushRateCpu: cpu(amount) };
}

/** Pulls images that no cache of Berth has: a commit empties the caches, and each is pulled once. */
export async function pullOneByOne({ registry, running, round, databasePid }: Place) {
  const { samples } = registry;
  const parts = Math.floor(samples.length / pulls);
  const chosen = samples.filter((_, at) => at % parts === round % parts);
  const cpu = countCpu(running, databasePid);
  const times = await onConnection(running.host, async (connection) => {
    const seen: number[] = [];
    for (const sample of chosen) {
      const begun = performance.now();
      await pull(connection, sample);
      seen.push(performance.now() - begun);
    }
    return seen;
  });
  const pullCpu = cpu(chosen.length);
  return { pullP50: partOf(times, 0.5), pullP99: partOf(times, 0.99), pullCpu } satisfies Figures;
}

async function pull(connection: Connection, { repository, image }: Sample): Promise<void> {
  const get = async (part: string, digest: string): Promise<void> => {
    const target = `/v2/${repository.name}/${part}`;
    const call = { method: "GET", target, headers: { Accept: manifestType } };
    const { body } = await expectStatus(connection, 200, call);
    if (digestOf(body) !== digest) throw new Error(`wrong bytes: ${target}`);
  };
  await get(`manifests/${image.tag}`, image.digest);
  for (const { digest } of [image.config, repository.layer]) await get(`blobs/${digest}`, digest);
}

/** Gets manifests of the whole stock, each once. */
export async function getManifests({ registry, running, turn }: Place): Promise<Figures> {
  const count = Math.min(manifests, registry.stock.images);
  const targets = [...samplesOf(registry.stock, count, turn)].map(
    ({ repository, image }) => `/v2/${repository.name}/manifests/${image.tag}`,
  );
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: readers }, (_, reader) =>
      onConnection(running.host, async (connection) => {
        for (let at = reader; at < targets.length; at += readers)
          await expectStatus(connection, 200, { method: "GET", target: targets[at]! });
      }),
    ),
  );
  return { manifests: (count * 1000) / (performance.now() - begun) };
}

export async function getManifest({ registry, running }: Place): Promise<Figures> {
  const { repository, image } = registry.samples[0]!;
  const { value, failures } = await runWrk(
    `http://${running.host}/v2/${repository.name}/manifests/${image.tag}`,
    {
      ...{ connections: 32, seconds: wrkSeconds, accept: manifestType },
      bodyBytes: image.manifest.length,
    },
  );
  if (failures[0] !== undefined) throw new Error(failures[0]);
  return { manifest: value };
}

/** The p50 of each page, whose answer no cache has. */
export async function getPages(place: Place): Promise<Figures> {
  const { running, databasePid } = place;
  const pages = Object.entries(pagesOf(place.registry));
  const measured = await measurePages(
    { host: running.host, pid: running.pid, databasePid },
    { ...{ pages, seconds: pageSeconds, clients: 1, pushesPerSecond: 0 }, distinct: true },
  );
  return Object.fromEntries(measured.map(({ name, p50Ms }) => [name, p50Ms]));
}

const berthApi = "/api/berth/v1";

function pagesOf({ stock }: Registry): Partial<Record<RowName, Pages>> {
  const [first, last] = [repositoryOf(0), repositoryOf(stock.repositories - 1)];
  const short = first.name.slice(first.namespace.length + 1);
  const tags = Array.from({ length: imagesIn(stock, 0) }, (_, at) => imageOf(first, at).tag);
  const names = Array.from(
    { length: stock.repositories },
    (_, number) => repositoryOf(number).name,
  );
  const beforeLast = (all: readonly string[], count: number): string =>
    all.toSorted((one, other) => (one < other ? -1 : 1)).at(-1 - count) ?? "";
  const pages: Partial<Record<RowName, string>> = {
    tagsFirst: `/v2/${first.name}/tags/list?n=100`,
    tagsLast: `/v2/${first.name}/tags/list?n=10&last=${beforeLast(tags, 10)}`,
    catalogFirst: "/v2/_catalog?n=10",
    catalogLast: `/v2/_catalog?n=5&last=${beforeLast(names, 5)}`,
    // The subject of the last image but 80.
    referrers: `/v2/${last.name}/referrers/${imageOf(last, 18).digest}`,
    hubRepositories: `/v2/namespaces/${first.namespace}/repositories?page_size=10`,
    hubTags: `/v2/namespaces/${first.namespace}/repositories/${short}/tags?page_size=10`,
    berthTags: `${berthApi}/repositories/${first.name}/-/tags?page_size=10&order=updated`,
    searchAll: "/v1/search?q=container&n=10",
    searchOne: `/v1/search?q=n${last.number}&n=10`,
    activity: `${berthApi}/repositories/${first.name}/-/activity?page_size=10`,
    metrics: "/metrics",
  };
  return Object.fromEntries(Object.entries(pages).map(([name, page]) => [name, again(page)]));
}

async function onConnection<T>(
  host: string,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await openConnection(host);
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}

/** Starts to count the CPU time of Berth and its database. The returned function gives the milliseconds per image. */
function countCpu({ pid }: RunningServer, databasePid: number | undefined) {
  const now = (): number =>
    cpuSecondsOf(pid) + (databasePid === undefined ? 0 : cpuSecondsOf(databasePid));
  const before = now();
  return (images: number): number => ((now() - before) * 1000) / images;
}

function partOf(times: readonly number[], part: number): number {
  const sorted = times.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length * part)] ?? NaN;
}
