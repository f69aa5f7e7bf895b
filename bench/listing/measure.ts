import { openConnection, type Answer, type Connection } from "../client/connection.ts";
import { cpuSecondsOf, memoryOf } from "../support/processes.ts";
import { baseManifest, baseRepository } from "./base-images.ts";
import type { Pages } from "./pages.ts";

export interface Measured {
  readonly host: string;
  readonly pid: number;
  /** The server of its database, if it is a separate program. */
  readonly databasePid?: number | undefined;
}

export interface Plan {
  readonly pages: readonly (readonly [name: string, pages: Pages])[];
  readonly seconds: number;
  /** The number of clients that request the same page concurrently, each over its own connection. */
  readonly clients: number;
  readonly pushesPerSecond: number;
  /** Each request has a different parameter, so that no response comes from a cache. */
  readonly distinct: boolean;
}

/** The times of one listing, and what one request costs. */
export interface PageTimes {
  readonly name: string;
  /** The time of the first request. */
  readonly firstMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMs: number;
  readonly databaseCpuMs: number;
  readonly perSecond: number;
  readonly rssBytes: number;
}

/** Requests one listing after another, each for `seconds`. */
export async function measurePages(
  { host, pid, databasePid }: Measured,
  { pages, seconds, clients, pushesPerSecond, distinct }: Plan,
): Promise<readonly PageTimes[]> {
  const measured: PageTimes[] = [];
  const connections = await Promise.all(
    Array.from({ length: clients }, () => openConnection(host)),
  );
  const pusher = pushesPerSecond > 0 ? await startPushing(host, pushesPerSecond) : undefined;
  const cpuSeconds = (): readonly [number, number] => [
    cpuSecondsOf(pid),
    databasePid === undefined ? 0 : cpuSecondsOf(databasePid),
  ];
  try {
    for (const [name, asked] of pages) {
      const begun = performance.now();
      if (connections[0]) await ask(connections[0], asked.first);
      const firstMs = performance.now() - begun;
      const used = cpuSeconds();
      const times = await measure(connections, asked, { forMs: seconds * 1000, distinct });
      const [cpuMs = NaN, databaseCpuMs = NaN] = cpuSeconds().map(
        (now, index) => ((now - (used[index] ?? 0)) * 1000) / times.length,
      );
      const at = (part: number): number => times[Math.floor(times.length * part)] ?? NaN;
      measured.push({
        ...{ name, firstMs, p50Ms: at(0.5), p99Ms: at(0.99), cpuMs, databaseCpuMs },
        perSecond: times.length / seconds,
        rssBytes: memoryOf(pid, "VmRSS"),
      });
    }
  } finally {
    pusher?.();
    for (const connection of connections) connection.close();
  }
  return measured;
}

async function ask(connection: Connection, target: string): Promise<Answer> {
  const answer = await connection.send({ method: "GET", target });
  // `/v1/search` answers 404 when podman must use another API.
  if (answer.status !== 200) throw new Error(`${answer.status} ${target}: ${String(answer.body)}`);
  return answer;
}

let asked = 0;

async function measure(
  connections: readonly Connection[],
  { first, follows }: Pages,
  { forMs, distinct }: { readonly forMs: number; readonly distinct: boolean },
): Promise<readonly number[]> {
  const times: number[] = [];
  const until = performance.now() + forMs;
  await Promise.all(
    connections.map(async (connection) => {
      let target = first;
      const own = first.includes("?") ? "&berth-bench=" : "?berth-bench=";
      while (performance.now() < until) {
        const begun = performance.now();
        const answer = await ask(connection, distinct ? `${target}${own}${(asked += 1)}` : target);
        times.push(performance.now() - begun);
        const link = follows ? /<([^>]+)>/.exec(answer.header("link") ?? "")?.[1] : undefined;
        target = link ?? first;
      }
    }),
  );
  return times.toSorted((a, b) => a - b);
}

/** Pushes one manifest repeatedly. Returns a function that stops this. */
async function startPushing(host: string, perSecond: number): Promise<() => void> {
  const { bytes, mediaType } = baseManifest();
  const connection = await openConnection(host);
  let number = 0;
  let isBusy = false;
  const push = async (): Promise<void> => {
    const { status, body } = await connection.send({
      ...{ method: "PUT", target: `/v2/${baseRepository}/manifests/pushed-${number % 10}` },
      ...{ headers: { "Content-Type": mediaType }, body: bytes },
    });
    if (status !== 201) throw new Error(`a push was answered ${status}: ${String(body)}`);
  };
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    number += 1;
    void push().then(() => (isBusy = false));
  }, 1000 / perSecond);
  return () => {
    clearInterval(timer);
    connection.close();
  };
}
