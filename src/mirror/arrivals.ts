import type { BlobStore } from "../../storage/blob-store.ts";
import type { LinkedBlob } from "../metadata/blobs.ts";
import type { Metadata } from "../metadata/metadata.ts";
import type { MirrorFetch } from "../metadata/mirror-fetches.ts";
import { isRefusal } from "../metadata/refusals.ts";
import type { PushRules } from "../metadata/repository-creation.ts";
import type { Digest } from "../oci/digest.ts";
import type { Keeper } from "../registry/clock.ts";
import { refusalError } from "../registry/refusals.ts";
import { askSize } from "./blobs.ts";
import type { Counters } from "./counters.ts";
import type { Eviction } from "./eviction.ts";
import { startFetch, type Fetch, type Opened } from "./fetch.ts";
import { followFetch } from "./following.ts";
import type { Growth } from "./growing.ts";
import { hasEnded } from "./owner.ts";
import { mirrorActor, type MirrorPlace } from "./place.ts";
import type { Upstream } from "./upstream.ts";

/** A blob that is here by now, or comes. */
export type Arrival =
  | { readonly kind: "here"; readonly blob: LinkedBlob }
  | {
      readonly kind: "coming";
      readonly growth: Growth;
      readonly collapsed: boolean;
      readonly sized: () => Promise<number>;
      /** Resolves when it is stored. */
      readonly done: () => Promise<unknown>;
    };

/** Blobs on their way in: one fetch each, in this process and in all that share the database. */
export interface Arrivals {
  /** Begins the fetch, or joins the one that runs. Throws {@link UpstreamFailure}. */
  get(place: MirrorPlace, digest: Digest): Promise<Arrival>;
  sizeOfRunning(place: MirrorPlace, digest: Digest): Promise<number | undefined>;
  running(): readonly Digest[];
  close(): Promise<void>;
}

const heartbeatMs = 2_000;
/** An owner of a fetch that was not heard of for so long is taken for dead. */
const deadAfterMs = 15_000;

export function createArrivals(parts: {
  readonly store: BlobStore;
  readonly metadata: Pick<Metadata, "blobs" | "mirrorFetches" | "mirrorTags" | "run">;
  readonly upstream: Upstream;
  /** Where a blob's bytes come from. */
  readonly open: (place: MirrorPlace, digest: Digest, start: number) => Promise<Opened>;
  readonly eviction: () => Eviction;
  readonly rules: PushRules;
  readonly keeper: Keeper;
  readonly clock: () => number;
  readonly counters: Counters;
  readonly owner: string;
}): Arrivals {
  const { store, metadata, upstream, rules, keeper, clock, counters, owner } = parts;
  const arrivals = new Map<string, Promise<Arrival>>();
  const fetches = new Map<Fetch, Digest>();
  let isClosing = false;

  const isAlive = (fetch: MirrorFetch): boolean =>
    !hasEnded(fetch.owner, owner) && fetch.touchedAtMs >= clock() - deadAfterMs;

  /** Whether the upstream shows in this repository what is here already for another one: then it need not come again. */
  const adopt = async (place: MirrorPlace, digest: Digest): Promise<LinkedBlob | undefined> => {
    const { repository } = place;
    const [from] = await metadata.blobs.holders(digest, 1);
    if (from === undefined) return undefined;
    await askSize(upstream, place, digest);
    const mount = { actor: mirrorActor, rules, from, repository, digest, ...keeper.keep() };
    const mounted = await metadata.run("mountBlob", mount);
    if (isRefusal(mounted)) throw refusalError(mounted, repository);
    return await metadata.blobs.find(repository, digest);
  };

  const record = async (
    { repository }: MirrorPlace,
    digest: Digest,
    blob: { readonly storageKey: string; readonly sizeBytes: number },
  ): Promise<string> => {
    await parts.eviction().makeRoom(blob.sizeBytes);
    const stored = { actor: mirrorActor, rules, repository, digest, ...blob, ...keeper.keep() };
    const outcome = await metadata.run("storeMirrorBlob", { ...stored, owner });
    if (outcome === "stored") {
      parts.eviction().added(blob.sizeBytes);
      return blob.storageKey;
    }
    await store.delete(blob.storageKey);
    if (isRefusal(outcome)) throw refusalError(outcome, repository);
    const winner = await metadata.blobs.find(repository, digest);
    if (winner === undefined) throw new Error("a blob has gone while it was being stored");
    return winner.storageKey;
  };

  /** This process brings it. */
  const lead = async (
    place: MirrorPlace,
    digest: Digest,
    upload: string,
    before: MirrorFetch | undefined,
  ): Promise<Fetch> => {
    const { repository } = place;
    const expectedBytes = await metadata.mirrorTags.sizeOf(repository, digest);
    let sizeBytes: number | null = null;
    // The row goes with the recording, or at the end.
    let isRowOurs = true;
    const fetch = startFetch({
      ...{ store, digest, expectedBytes, upload, before: before?.storageReference },
      open: (start) => parts.open(place, digest, start),
      record: (blob) => {
        isRowOurs = false;
        return record(place, digest, blob);
      },
      count: (bytes) => counters.add("bytesFetched", bytes),
    });
    fetches.set(fetch, digest);
    const touch = async (): Promise<void> => {
      const isOurs = await metadata
        .run("touchMirrorFetch", { repository, digest, owner, sizeBytes, nowMs: clock() })
        .catch(() => true);
      if (!isOurs && isRowOurs) fetch.stop(new Error("another process has taken the fetch over"));
    };
    const timer = setInterval(() => void touch(), heartbeatMs).unref();
    fetch.sized.then(
      (size) => {
        sizeBytes = size;
        return touch();
      },
      () => undefined,
    );
    const end = (): void => {
      isRowOurs = false;
      clearInterval(timer);
      fetches.delete(fetch);
    };
    const stored = (): void => {
      end();
      void parts.eviction().settle();
    };
    fetch.done.then(stored, async () => {
      end();
      // Who comes after us goes on with what is here.
      if (isClosing) return;
      await metadata.run("endMirrorFetch", { repository, digest, owner }).catch(() => undefined);
    });
    return fetch;
  };

  const begin = async (
    place: MirrorPlace,
    digest: Digest,
  ): Promise<LinkedBlob | Fetch | { readonly follow: MirrorFetch }> => {
    const { repository } = place;
    const running = await metadata.mirrorFetches.find({ repository, digest });
    const isDead = running !== undefined && !isAlive(running);
    const upload = await store.begin();
    const begun = await metadata.run("beginMirrorFetch", {
      ...{ repository, digest, owner, storageReference: upload, nowMs: clock() },
      aliveSinceMs: isDead ? Number.MAX_SAFE_INTEGER : clock() - deadAfterMs,
    });
    if (begun.role === "follower") return { follow: begun.fetch };
    try {
      // Whoever had it may have ended just before.
      const here = (await metadata.blobs.find(repository, digest)) ?? (await adopt(place, digest));
      if (here === undefined) return await lead(place, digest, upload, begun.before);
      await metadata.run("endMirrorFetch", { repository, digest, owner });
      return here;
    } catch (error) {
      await metadata.run("endMirrorFetch", { repository, digest, owner });
      throw error;
    }
  };

  const arrive = async (
    place: MirrorPlace,
    digest: Digest,
    key: string,
    ours: () => Promise<Arrival> | undefined,
  ): Promise<Arrival> => {
    const { repository } = place;
    const forget = (): void => {
      if (arrivals.get(key) === ours()) arrivals.delete(key);
    };
    const begun = await begin(place, digest);
    if ("storageKey" in begun && "leasedUntilMs" in begun) {
      forget();
      return { kind: "here", blob: begun };
    }
    if (!("follow" in begun)) {
      begun.done.then(forget, forget);
      const { sized, done } = begun;
      return {
        kind: "coming",
        growth: begun,
        collapsed: false,
        sized: () => sized,
        done: () => done,
      };
    }
    const takeOver = async (): Promise<Growth> => {
      forget();
      const arrival = await get(place, digest);
      if (arrival.kind === "coming") return arrival.growth;
      return arrivedGrowth(arrival.blob);
    };
    const find = async () => (await metadata.blobs.find(repository, digest))?.storageKey;
    const { growth, sized } = followFetch({
      ...{ store, begun: begun.follow, find, isAlive, takeOver },
      look: () => metadata.mirrorFetches.find({ repository, digest }),
    });
    const done = (async () => {
      while (growth.storageKey === undefined) await growth.until(growth.availableBytes);
    })();
    done.then(forget, forget);
    const size = async (): Promise<number> =>
      (await sized()) ?? (await askSize(upstream, place, digest));
    return { kind: "coming", growth, collapsed: true, sized: size, done: () => done };
  };

  const get = (place: MirrorPlace, digest: Digest): Promise<Arrival> => {
    const key = `${place.repository}@${digest}`;
    const known = arrivals.get(key);
    if (known !== undefined)
      return known.then((arrival) =>
        arrival.kind === "here" ? arrival : { ...arrival, collapsed: true },
      );
    const arrival: Promise<Arrival> = arrive(place, digest, key, () => arrival);
    arrivals.set(key, arrival);
    arrival.catch(() => arrivals.delete(key));
    return arrival;
  };

  return {
    get,
    async sizeOfRunning({ repository }, digest) {
      const arrival = await arrivals.get(`${repository}@${digest}`);
      if (arrival === undefined) return undefined;
      return arrival.kind === "here" ? arrival.blob.sizeBytes : await arrival.sized();
    },
    running: () => [...fetches.values()],
    async close() {
      isClosing = true;
      const open = [...fetches.keys()];
      for (const fetch of open) fetch.pause(new Error("the registry is closing"));
      await upstream.close();
      await Promise.allSettled(open.map(({ done }) => done));
    },
  };
}

/** A blob that is here, as if it had grown. */
function arrivedGrowth({ storageKey, sizeBytes }: LinkedBlob): Growth {
  return {
    ...{ upload: "", storageKey, availableBytes: sizeBytes, tail: undefined },
    until: () => Promise.resolve(),
  };
}
