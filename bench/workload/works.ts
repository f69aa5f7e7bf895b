import type { Outcome } from "../client/tasks.ts";
import { createImage, manifestType } from "../client/image.ts";
import { memoryOf } from "../support/processes.ts";
import { KiB, MiB } from "../support/table.ts";
import { setTimeout as pause } from "node:timers/promises";
import { startServer } from "../servers/program.ts";
import { large, pulled, small } from "./seeded.ts";
import { countCpuUs, rateOf, runClient, runWrk } from "./work.ts";
import type { Measurement, Place, Work } from "./work.ts";

const connections = 32;
const writers = 16;
const idleMs = 2_000;

const smallImage = createImage(small.seed, small.layerBytes);
const blobDigest = smallImage.blobs[1]?.digest ?? "";

const get =
  (target: string, bodyBytes: number, accept = "*/*") =>
  ({ running, scale }: Place, authorization?: string): Promise<Measurement> =>
    runWrk(`http://${running.host}${target}`, {
      connections,
      seconds: scale.seconds,
      accept,
      bodyBytes,
      pid: running.pid,
      ...(authorization !== undefined && { authorization }),
    });

const ping = get("/v2/", 2);
const getBlob = get(`/v2/${small.repository}/blobs/${blobDigest}`, 10 * KiB);
const getManifest = get(
  `/v2/${small.repository}/manifests/${small.tag}`,
  smallImage.manifest.length,
  manifestType,
);

/** Measures Berth with accounts, where it verifies a bearer token. The other servers run without authentication. */
async function getManifestWithToken(place: Place): Promise<Measurement> {
  const { guarded } = place.server;
  if (guarded === undefined) return getManifest(place);
  const running = await startServer(guarded.server, place.createFolder());
  try {
    const basic = `Basic ${Buffer.from(`admin:${guarded.secret}`).toString("base64")}`;
    const seeded = await runClient("seedImage", {
      ...{ host: running.host, ...small, authorization: basic },
    });
    const scope = `repository:${small.repository}:pull`;
    const answer = await fetch(`http://${running.host}/token?scope=${encodeURIComponent(scope)}`, {
      headers: { Authorization: basic },
    });
    const { token } = (await answer.json()) as { readonly token: string };
    const measured = await getManifest({ ...place, running }, `Bearer ${token}`);
    return { ...measured, failures: [...seeded.failures, ...measured.failures] };
  } finally {
    await running.stop();
  }
}

const pushSmall =
  (repositories: number, way: "put" | "patch") =>
  async ({ running, scale, turn, countCpu }: Place): Promise<Measurement> => {
    const push = (name: string, images: number): Promise<Outcome> =>
      runClient("pushSmall", {
        host: running.host,
        repository: `bench/${name}-${turn}`,
        seed: `${name} ${turn}`,
        images,
        writers,
        repositories,
        way,
      });
    // The warm-up excludes the first second, in which the JIT compiler makes a server slower.
    const warmUp = await push("warm-up", scale.images);
    const cpuPerImage = countCpu?.();
    const pushed = await push("push", scale.images);
    const cpuMsByThread = cpuPerImage?.(scale.images);
    return {
      ...rateOf({ ...pushed, failures: [...warmUp.failures, ...pushed.failures] }),
      ...(cpuMsByThread && { cpuMsByThread }),
    };
  };

const pushLarge =
  (way: "put" | "patch") =>
  async ({ running, scale, turn }: Place): Promise<Measurement> =>
    rateOf(
      await runClient("pushLarge", {
        host: running.host,
        repository: "bench/pushed-large",
        seed: turn,
        sizeBytes: scale.largeBytes,
        way,
      }),
    );

/** Measures a server that is started for this workload on an empty folder, without the probe. */
async function startAlone(
  { server, createFolder }: Place,
  value: (startMs: number, pid: number) => number | Promise<number>,
): Promise<Measurement> {
  const { startMs, pid, stop } = await startServer(server, createFolder());
  try {
    return { value: await value(startMs, pid), failures: [] };
  } finally {
    await stop();
  }
}

const distribution = (factor: number): NonNullable<Work["must"]> => ({
  factor,
  of: "distribution",
});

export const works: readonly Work[] = [
  {
    name: "start",
    title: "start to first 200",
    unit: "ms",
    reads: false,
    alone: true,
    must: { under: 500 },
    measure: (place) => startAlone(place, (startMs) => startMs),
  },
  {
    name: "idle",
    title: "RSS idle",
    unit: "B",
    reads: false,
    alone: true,
    must: { under: 100 * MiB },
    measure: (place) =>
      startAlone(place, async (_, pid) => {
        await pause(idleMs);
        return memoryOf(pid, "VmRSS");
      }),
  },
  {
    name: "ping",
    title: "GET /v2/ ×32",
    unit: "req/s",
    reads: true,
    measure: (place) => ping(place),
  },
  {
    name: "manifest",
    title: "GET manifest by tag ×32",
    unit: "req/s",
    reads: true,
    must: distribution(4),
    measure: (place) => getManifest(place),
  },
  {
    name: "manifest-token",
    title: "GET manifest by tag ×32, Berth with a token",
    unit: "req/s",
    reads: true,
    must: distribution(4),
    measure: getManifestWithToken,
  },
  {
    name: "head",
    title: "HEAD manifest by tag ×32",
    unit: "req/s",
    reads: true,
    measure: async ({ running, scale }) => {
      const task = { host: running.host, ...small, connections };
      await runClient("repeatHead", { ...task, seconds: 1 });
      const cpuUs = countCpuUs(running.pid);
      const sent = await runClient("repeatHead", { ...task, seconds: scale.seconds });
      return { ...rateOf(sent), cpuUsPerRequest: cpuUs() / sent.amount };
    },
  },
  {
    name: "blob-small",
    title: "GET blob 10 KiB ×32",
    unit: "req/s",
    reads: true,
    measure: (place) => getBlob(place),
  },
  {
    name: "blob-large",
    title: "GET blob 64 MiB ×4",
    unit: "B/s",
    reads: true,
    must: { factor: 0.85, of: "nginx" },
    measure: async ({ running, scale }) => {
      const task = { host: running.host, ...large, connections: 4 };
      await runClient("repeatBlob", { ...task, seconds: 0.5 });
      return rateOf(await runClient("repeatBlob", { ...task, seconds: scale.seconds }));
    },
  },
  {
    name: "pull",
    title: "200 clients pull 10 MB",
    unit: "B/s",
    reads: true,
    must: distribution(1),
    measure: async ({ running, scale }) =>
      rateOf(
        await runClient("pullMany", { host: running.host, ...pulled, clients: scale.clients }),
      ),
  },
  {
    name: "push-spread",
    title: "push small images ×16, 64 repositories, PUT",
    unit: "images/s",
    reads: false,
    must: distribution(3),
    measure: pushSmall(64, "put"),
  },
  {
    name: "push-one",
    title: "push small images ×16, one repository, PUT",
    unit: "images/s",
    reads: false,
    must: distribution(3),
    measure: pushSmall(1, "put"),
  },
  {
    name: "push-patch",
    title: "push small images ×16, 64 repositories, PATCH",
    unit: "images/s",
    reads: false,
    must: distribution(3),
    measure: pushSmall(64, "patch"),
  },
  {
    name: "large-put",
    title: "push 512 MiB, PUT",
    unit: "B/s",
    reads: false,
    must: distribution(1.2),
    measure: pushLarge("put"),
  },
  {
    name: "large-patch",
    title: "push 512 MiB, PATCH",
    unit: "B/s",
    reads: false,
    must: distribution(1.2),
    measure: pushLarge("patch"),
  },
];
