import { setTimeout as pause } from "node:timers/promises";
import { createRandom } from "../../crash/content.ts";
import type { HeldImage } from "../../crash/ledger.ts";
import type { Wire } from "../../crash/wire.ts";
import { createImage } from "./image.ts";
import { accept, pushImage, type Acknowledged } from "./push.ts";
import {
  createPatientClient,
  LoadStopped,
  recordTraffic,
  type PatientClient,
  type Traffic,
} from "./traffic.ts";

export interface Load {
  readonly acknowledged: Acknowledged;
  readonly traffic: Traffic;
  /** Ends the load after the running requests. */
  stop(): Promise<void>;
}

export interface LoadOptions {
  /** Returns new connections for one client. */
  readonly connect: () => Wire;
  /** Unique to this load: names the tags and seeds the contents. */
  readonly name: string;
  /** The name of another load, to push into the same repositories. */
  readonly into?: string;
  readonly pushers?: number;
  readonly pullers?: number;
  /** Two pushers share one repository, so that they wait for the same rows. */
  readonly repositories?: number;
  /** The lease of the collector: a push that takes longer may begin again. */
  readonly leaseMs?: number;
}

/** Starts clients that push indexes with Linux and Windows images, pull them and delete some, until `stop`. */
export function startLoad({
  connect,
  name,
  into = name,
  pushers = 6,
  pullers = 2,
  repositories = 3,
  leaseMs = Infinity,
}: LoadOptions): Load {
  const traffic = recordTraffic();
  const acknowledged: Acknowledged = { images: [], deleted: [] };
  let isStopped = false;
  const wires: Wire[] = [];
  const work = async (run: (client: PatientClient) => Promise<void>): Promise<void> => {
    const wire = connect();
    wires.push(wire);
    const client = createPatientClient({ wire, traffic, isStopped: () => isStopped });
    try {
      while (!isStopped) await run(client);
    } catch (error) {
      if (!(error instanceof LoadStopped)) throw error;
    }
  };
  const pushing = Array.from({ length: pushers }, (_, index) => {
    const random = createRandom(`${name}/${index}`);
    const repository = `load/${into}-${index % repositories}`;
    let count = 0;
    return work(async (client) => {
      count += 1;
      const tag = `${name}-${index}-${count}`;
      const pusher = { client, random, repository, leaseMs, traffic };
      await pushImage(pusher, tag, createImage(tag, random), acknowledged);
      const mine = acknowledged.images.filter((image) => image.tag.startsWith(`${name}-${index}-`));
      if (random.below(4) === 0)
        await remove(client, mine[random.below(mine.length)], acknowledged);
    });
  });
  const pulling = Array.from({ length: pullers }, (_, index) => {
    const random = createRandom(`${name}/pull/${index}`);
    return work(async (client) => {
      const image = acknowledged.images[random.below(acknowledged.images.length)];
      if (image === undefined) await pause(20);
      else await pullImage(client, image, acknowledged, traffic.problems);
    });
  });
  const all = Promise.all([...pushing, ...pulling]);
  all.catch(() => (isStopped = true));
  return {
    ...{ acknowledged, traffic },
    async stop() {
      isStopped = true;
      traffic.end();
      await all;
      for (const wire of wires) wire.close();
    },
  };
}

/** Deletes an image by its tag or by its digest; what it leaves to the collector is not acknowledged any more. */
async function remove(
  client: PatientClient,
  image: HeldImage | undefined,
  acknowledged: Acknowledged,
): Promise<void> {
  if (image === undefined || image.tag === image.digest) return;
  const { repository, digest, tag, manifest } = image;
  const { manifests } = JSON.parse(String(manifest)) as { manifests: { digest: string }[] };
  const gone = new Set([digest, ...manifests.map((child) => child.digest)]);
  const left = acknowledged.images.filter((held) => !gone.has(held.digest));
  acknowledged.images.splice(0, acknowledged.images.length, ...left);
  // A DELETE whose answer was lost is answered with 404.
  for (const reference of [tag, digest]) {
    const request = ["DELETE", `/v2/${repository}/manifests/${reference}`] as const;
    await client.send("push", [202, 404], request);
    acknowledged.deleted.push({ repository, reference });
  }
}

/** Pulls an image as an engine does: its manifest, and each blob. Its pusher may delete it meanwhile. */
async function pullImage(
  client: PatientClient,
  image: HeldImage,
  { images }: Acknowledged,
  problems: string[],
): Promise<void> {
  const { repository, tag, manifest } = image;
  const wrong = (what: string): void => {
    if (images.includes(image)) problems.push(`pull of ${repository}:${tag}: ${what}`);
  };
  const target = `/v2/${repository}/manifests/${tag}`;
  const read = await client.send("pull", [200], ["GET", target, { headers: accept }], [404]);
  if (read?.body.equals(manifest) !== true) return wrong(`manifest ${read?.status ?? 404}`);
  const { config, layers = [] } = JSON.parse(String(manifest)) as {
    readonly config?: { readonly digest: string; readonly size: number };
    readonly layers?: readonly { readonly digest: string; readonly size: number }[];
  };
  for (const { digest, size } of config === undefined ? [] : [config, ...layers]) {
    const blob = ["GET", `/v2/${repository}/blobs/${digest}`] as const;
    const answer = await client.send("pull", [200], blob, [404]);
    if (answer?.body.length !== size) wrong(`blob ${digest} ${answer?.status ?? 404}`);
  }
}
