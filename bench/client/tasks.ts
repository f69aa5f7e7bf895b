import process from "node:process";
import { createContent, digestOf } from "./content.ts";
import { openConnection, type Connection } from "./connection.ts";
import { createImage, manifestType, type Image } from "./image.ts";
import { pullBlob, pullImage, pullManifest } from "./pull.ts";
import { pushBlob, pushImage, type Way } from "./push.ts";

/** The result of a run of the client. `amount` counts requests, images or bytes. */
export interface Outcome {
  readonly seconds: number;
  readonly amount: number;
  /** The CPU time of the client meanwhile. */
  readonly cpuSeconds: number;
  readonly failures: readonly string[];
}

interface Target {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly repository: string;
  /** The Authorization header of every request. */
  readonly authorization?: string;
}

export interface SmallPush extends Target {
  readonly seed: string;
  readonly images: number;
  readonly writers: number;
  /** The number of repositories. Each writer uses its own, unless there is only one. */
  readonly repositories: number;
  readonly way: Way;
}

export interface LargePush extends Target {
  readonly seed: string;
  readonly sizeBytes: number;
  readonly way: Way;
}

/** An image whose content every process can generate from the seed. */
export interface SeededImage extends Target {
  readonly seed: string;
  readonly layerBytes: readonly number[];
  readonly tag: string;
}

export interface ManyPulls extends SeededImage {
  readonly clients: number;
}

/** One request, repeated for `seconds`. */
export interface Repeated extends SeededImage {
  readonly connections: number;
  readonly seconds: number;
}

/** Runs `work` on all connections concurrently. A failure ends only its connection. The time includes connecting. */
async function onEach(
  { host, authorization }: Pick<Target, "host" | "authorization">,
  connections: number,
  work: (connection: Connection, at: number) => Promise<number>,
): Promise<Outcome> {
  const failures: string[] = [];
  const begunAtMs = performance.now();
  const cpuBefore = process.cpuUsage();
  const one = async (at: number): Promise<number> => {
    let connection: Connection | undefined;
    try {
      connection = await openConnection(host, authorization);
      return await work(connection, at);
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
      return 0;
    } finally {
      connection?.close();
    }
  };
  const amounts = await Promise.all(Array.from({ length: connections }, (_, at) => one(at)));
  const seconds = (performance.now() - begunAtMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const amount = amounts.reduce((sum, each) => sum + each, 0);
  return { seconds, amount, cpuSeconds: (user + system) / 1e6, failures };
}

async function pushSmall(task: SmallPush): Promise<Outcome> {
  const { repository, seed, images, writers, repositories, way } = task;
  const made: Image[] = Array.from({ length: images }, (_, at) =>
    createImage(`${seed} ${at}`, [2048]),
  );
  const name = (at: number): string =>
    repositories === 1 ? repository : `${repository}/${at % repositories}`;
  const pushed = await onEach(task, writers, async (connection, writer) => {
    let count = 0;
    for (let at = writer; at < images; at += writers, count += 1)
      await pushImage(connection, { repository: name(at), tag: `t${at}`, image: made[at]!, way });
    return count;
  });
  const readBack = await onEach(task, writers, async (connection, writer) => {
    for (let at = writer; at < images; at += writers)
      await pullManifest(connection, name(at), `t${at}`, made[at]!);
    return 0;
  });
  return { ...pushed, failures: [...pushed.failures, ...readBack.failures] };
}

async function pushLarge(task: LargePush): Promise<Outcome> {
  const { repository, seed, sizeBytes, way } = task;
  const content = createContent(seed, sizeBytes);
  const blob = { content, digest: digestOf(content) };
  const pushed = await onEach(task, 1, async (connection) => {
    await pushBlob(connection, repository, blob, way);
    return sizeBytes;
  });
  const readBack = await onEach(task, 1, (connection) => pullBlob(connection, repository, blob));
  return { ...pushed, failures: [...pushed.failures, ...readBack.failures] };
}

async function seedImage(task: SeededImage): Promise<Outcome> {
  const image = createImage(task.seed, task.layerBytes);
  return onEach(task, 1, async (connection) => {
    await pushImage(connection, { repository: task.repository, tag: task.tag, image, way: "put" });
    return 1;
  });
}

async function pullMany(task: ManyPulls): Promise<Outcome> {
  const image = createImage(task.seed, task.layerBytes);
  return onEach(task, task.clients, (connection) =>
    pullImage(connection, task.repository, task.tag, image),
  );
}

/** GET of the first layer. */
async function repeatBlob(task: Repeated): Promise<Outcome> {
  const [, blob] = createImage(task.seed, task.layerBytes).blobs;
  if (blob === undefined) throw new Error("an image without a layer");
  const until = performance.now() + task.seconds * 1000;
  return onEach(task, task.connections, async (connection) => {
    let sizeBytes = 0;
    while (performance.now() < until)
      sizeBytes += await pullBlob(connection, task.repository, blob);
    return sizeBytes;
  });
}

/** HEAD of the tag. */
async function repeatHead(task: Repeated): Promise<Outcome> {
  const { manifest } = createImage(task.seed, task.layerBytes);
  const target = `/v2/${task.repository}/manifests/${task.tag}`;
  const call = { method: "HEAD", target, headers: { Accept: manifestType } };
  const until = performance.now() + task.seconds * 1000;
  return onEach(task, task.connections, async (connection) => {
    let count = 0;
    for (; performance.now() < until; count += 1) {
      const answer = await connection.send(call);
      if (answer.status !== 200 || answer.header("content-length") !== String(manifest.length))
        throw new Error(`HEAD ${target}: ${answer.status}, ${answer.header("content-length")}`);
    }
    return count;
  });
}

export const tasks = { pushSmall, pushLarge, seedImage, pullMany, repeatBlob, repeatHead };
export type TaskName = keyof typeof tasks;
