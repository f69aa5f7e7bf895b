import { setTimeout as pause } from "node:timers/promises";
import { createRandom, type Random } from "../../crash/content.ts";
import type { HeldImage } from "../../crash/ledger.ts";
import { octets, withDigest } from "../../crash/uploader.ts";
import type { Answer, Wire } from "../../crash/wire.ts";
import { createImage, manifestTypes, type Blob, type Manifest, type TestImage } from "./image.ts";
import {
  createPatientClient,
  LoadStopped,
  recordTraffic,
  type PatientClient,
  type Traffic,
} from "./traffic.ts";

/** Images and deletions that the registry has acknowledged. */
export interface Acknowledged {
  readonly images: HeldImage[];
  readonly deleted: { readonly repository: string; readonly reference: string }[];
}

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

const accept = { Accept: Object.values(manifestTypes).join(", ") };

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
      const pusher = { client, random, repository, leaseMs, problems: traffic.problems };
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

interface Pusher {
  readonly client: PatientClient;
  readonly random: Random;
  readonly repository: string;
  readonly leaseMs: number;
  readonly problems: string[];
}

/** Pushes an image until all of it is acknowledged, and reads its tag back. */
async function pushImage(
  pusher: Pusher,
  tag: string,
  { index, children }: TestImage,
  acknowledged: Acknowledged,
): Promise<void> {
  const { client, repository } = pusher;
  for (;;) {
    const begunMs = performance.now();
    for (const blob of children.flatMap(({ blobs }) => blobs)) await pushBlob(pusher, blob);
    let isComplete = true;
    for (const child of children)
      isComplete = isComplete && (await putManifest(pusher, child.digest, child));
    isComplete = isComplete && (await putManifest(pusher, tag, index));
    if (isComplete) break;
    const tookMs = performance.now() - begunMs;
    // A request extends a lease only after a quarter of it has passed, so that only 75 % of it may be left.
    if (tookMs < pusher.leaseMs * 0.7)
      pusher.problems.push(`a blob or child of ${tag} was unknown after ${Math.round(tookMs)} ms`);
  }
  const held = (reference: string, { digest, bytes }: Manifest): HeldImage => ({
    ...{ repository, digest, tag: reference, manifest: bytes },
  });
  acknowledged.images.push(held(tag, index));
  for (const child of children)
    acknowledged.images.push({ ...held(child.digest, child), tag: child.digest });
  const target = `/v2/${repository}/manifests/${tag}`;
  const read = await client.send("pull", [200], ["GET", target, { headers: accept }], [404]);
  if (read?.body.equals(index.bytes) !== true)
    pusher.problems.push(`${tag} cannot be read after its 201: ${read?.status ?? 404}`);
}

/** Pushes a blob by one of three methods, or not at all if the repository has it. A lost session begins again. */
async function pushBlob({ client, random, repository }: Pusher, blob: Blob): Promise<void> {
  const { bytes, digest } = blob;
  const uploads = `/v2/${repository}/blobs/uploads/`;
  for (;;) {
    const head = ["HEAD", `/v2/${repository}/blobs/${digest}`] as const;
    if ((await client.send("pull", [200], head, [404])) !== undefined) return;
    const method = random.oneOf(["POST", "PUT", "PATCH"]);
    if (method === "POST") {
      const whole = [
        "POST",
        `${uploads}?digest=${digest}`,
        { body: bytes, headers: octets },
      ] as const;
      await client.send("push", [201], whole);
      return;
    }
    const begun = await client.send("push", [202], ["POST", uploads]);
    let location = begun?.headers.location ?? "";
    if (method === "PUT") {
      const closing = [
        "PUT",
        withDigest(location, digest),
        { body: bytes, headers: octets },
      ] as const;
      if ((await client.send("push", [201], closing, lostSession)) !== undefined) return;
      continue;
    }
    const half = Math.ceil(bytes.length / 2);
    let sent: Answer | undefined;
    for (const [start, end] of [
      [0, half],
      [half, bytes.length],
    ] as const) {
      const headers = { ...octets, "Content-Range": `${start}-${end - 1}` };
      const chunk = { body: bytes.subarray(start, end), headers };
      sent = await client.send("push", [202], ["PATCH", location, chunk], lostSession);
      if (sent === undefined) break;
      location = sent.headers.location ?? location;
    }
    if (sent === undefined) continue;
    const closing = ["PUT", withDigest(location, digest)] as const;
    if ((await client.send("push", [201], closing, lostSession)) !== undefined) return;
  }
}

/** The upload ended with an answer that did not arrive, or with the replica before its first byte was stored. */
const lostSession = [404, 416];

/** Resolves with false if the registry has not all blobs and children: MANIFEST_BLOB_UNKNOWN is 400. */
async function putManifest(
  { client, repository }: Pusher,
  reference: string,
  { bytes, mediaType }: Manifest,
): Promise<boolean> {
  const message = { body: bytes, headers: { "Content-Type": mediaType } };
  const request = ["PUT", `/v2/${repository}/manifests/${reference}`, message] as const;
  return (await client.send("push", [201], request, [400, 404])) !== undefined;
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
