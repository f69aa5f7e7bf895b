import { setTimeout as pause } from "node:timers/promises";
import { createByteCache, stringBytes } from "../concurrency/bounded-cache.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";
import type { TaggedManifest } from "../database/catalog/tag-pages.ts";
import type { Database } from "../database/contract.ts";
import type { Digest } from "../oci/digest.ts";
import { isJsonObject, JsonError, parseJson } from "../oci/json.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Registry } from "../registry/registry.ts";
import { artifactWordsOf, type ArtifactType } from "./artifact-types.ts";
import { ignoreUnknown } from "./image-inspector.ts";

/** What a tag points at, if it is neither an index nor a container image. Nothing of it is verified. */
export interface Artifact extends Chart {
  readonly type: ArtifactType;
  /** What it is in words, with name and version. */
  readonly label: string;
}

/** The fields of Chart.yaml that tell charts apart; `undefined`: the chart has none, or the artifact is no chart. */
interface Chart {
  readonly name: string | undefined;
  readonly version: string | undefined;
  readonly appVersion: string | undefined;
}

const noChart: Chart = { name: undefined, version: undefined, appVersion: undefined };

/** Helm writes Chart.yaml as JSON, usually of less than 2 KB. A larger one is not read. */
const chartBytesAtMost = 64 * 1024;
const chartsAtOnce = 8;
const waitMs = 2_000;
const textAtMost = 100;
const cachedBytesAtMost = 1024 * 1024;

/** Makes the function that says what the manifests of a page of tags are, by manifest id. */
export function createArtifactReader({
  database,
  registry,
}: {
  readonly database: Pick<Database, "images" | "tagPages">;
  readonly registry: Pick<Registry, "blobs">;
}) {
  const charts = createByteCache<Chart>({
    maxBytes: cachedBytesAtMost,
    sizeOf: ({ name = "", version = "", appVersion = "" }) =>
      stringBytes(name + version + appVersion),
  });

  const readChart = async (repository: RepositoryName, digest: Digest): Promise<Chart> => {
    const known = charts.get(digest);
    if (known !== undefined) return known;
    const bytes = await readBlob(registry.blobs, repository, digest);
    if (bytes === undefined) return noChart;
    const chart = chartIn(bytes);
    charts.set(digest, chart);
    return chart;
  };

  return async (
    { id: repositoryId, name }: { readonly id: number; readonly name: RepositoryName },
    manifests: readonly TaggedManifest[],
    work: YieldingWork,
  ): Promise<ReadonlyMap<number, Artifact>> => {
    // Container images have an operating system.
    const asked = manifests.filter(({ kind, os }) => kind !== "index" && (os ?? "") === "");
    if (asked.length === 0) return new Map();
    const parts = await database.tagPages.firstParts(asked.map(({ id }) => id));
    const found = asked.flatMap((manifest) => {
      const part = parts.get(manifest.id);
      const words = artifactWordsOf({ ...manifest, layerMediaType: part?.layerMediaType });
      return words === undefined ? [] : [{ id: manifest.id, words, config: part?.configDigest }];
    });
    const configs = found.flatMap(({ words, config }) =>
      words.type === "helm" && config !== undefined ? [config] : [],
    );
    // A manifest may name a blob that its repository does not have.
    const linked = [...(await database.images.linkedBlobs(repositoryId, configs))];
    const read = new Map<Digest, Chart>();
    for (let at = 0; at < linked.length; at += chartsAtOnce) {
      await work.step();
      const reads = linked
        .slice(at, at + chartsAtOnce)
        .map(async (digest) => void read.set(digest, await readChart(name, digest)));
      if (!(await isDoneInTime(Promise.all(reads)))) break;
    }
    return new Map(
      found.map(({ id, words: { type, words }, config }) => {
        const chart = (config === undefined ? undefined : read.get(config)) ?? noChart;
        return [id, { type, label: labelOf(words, chart), ...chart }];
      }),
    );
  };
}

function labelOf(words: string, { name, version, appVersion }: Chart): string {
  const app = appVersion === undefined ? undefined : `(app ${appVersion})`;
  return [words, name, version, app].filter((text) => text !== undefined).join(" ");
}

/** False: a storage that does not answer must not stop the list. What is read later is known to the next list. */
async function isDoneInTime(work: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController();
  const late = pause(waitMs, false, { signal: timer.signal, ref: false }).catch(() => false);
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    timer.abort();
  }
}

/** The bytes of a small blob; `undefined`: it is larger, not here, or cannot be read now. */
async function readBlob(
  blobs: Registry["blobs"],
  repository: RepositoryName,
  digest: Digest,
): Promise<Buffer | undefined> {
  const blob = await blobs.get(repository, digest).catch(ignoreUnknown);
  if (blob === undefined || blob.sizeBytes === 0 || blob.sizeBytes > chartBytesAtMost)
    return undefined;
  try {
    const pieces: Uint8Array[] = [];
    const bytes = await blobs.open(blob, { start: 0, end: blob.sizeBytes - 1 });
    for await (const piece of bytes) pieces.push(Uint8Array.from(piece));
    return Buffer.concat(pieces);
  } catch {
    // The storage fails: /readyz and the log say so, and the list is shown without the names of charts.
    return undefined;
  }
}

function chartIn(bytes: Uint8Array): Chart {
  try {
    const document = parseJson(bytes);
    if (!isJsonObject(document)) return noChart;
    const { name, version, appVersion } = document;
    return { name: textOf(name), version: textOf(version), appVersion: textOf(appVersion) };
  } catch (error) {
    if (error instanceof JsonError) return noChart;
    throw error;
  }
}

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value.trim() !== ""
    ? Array.from(value).slice(0, textAtMost).join("")
    : undefined;
