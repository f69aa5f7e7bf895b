import type { LinkedBlob } from "../../database/registry/blobs.ts";
import type { MirrorFetch } from "../../database/mirror/fetches.ts";
import { isRejection } from "../../database/rejections.ts";
import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import { rejectionError } from "../../registry/rejections.ts";
import { askSize } from "./blobs.ts";
import type { Company } from "./process-registry.ts";
import type { Fetch, Opened } from "./fetch.ts";
import { followFetch } from "./download-follower.ts";
import type { Growth } from "./partial-blob.ts";
import { createLeading, type LeadingParts } from "./download-leader.ts";
import { admitAll, mirrorActor, type AdmitMiss, type MirrorPlace } from "../repository.ts";
import type { Upstream } from "../upstream/client.ts";

/** A blob that is here by now, or comes. */
export type Arrival =
  | { readonly kind: "here"; readonly blob: LinkedBlob }
  | {
      readonly kind: "coming";
      readonly growth: Growth;
      readonly collapsed: boolean;
      readonly sized: () => Promise<number>;
      /** One more reader, until the result is called. */
      readonly join: () => () => void;
      /** Resolves when it is stored. */
      readonly done: () => Promise<unknown>;
    };

/** Blobs on their way in: one fetch each, in this process and in all that share the database. */
export interface Arrivals {
  /** Begins the fetch, if `admitMiss` does not throw, or joins the one that runs. Throws {@link UpstreamFailure}. */
  get(place: MirrorPlace, digest: Digest, admitMiss: AdmitMiss): Promise<Arrival>;
  sizeOfRunning(place: MirrorPlace, digest: Digest): Promise<number | undefined>;
  running(): readonly Digest[];
  close(): Promise<void>;
}

export function createArrivals(
  parts: LeadingParts & {
    readonly upstream: Upstream;
    readonly company: Pick<Company, "isAlone">;
  },
): Arrivals {
  const { store, database, upstream, rules, leasePolicy, claims } = parts;
  const arrivals = new Map<string, Promise<Arrival>>();
  const leading = createLeading(parts);

  /**
   * A repository of the same mirror that has the blob. Other repositories are never asked: an upstream that answers 200
   * to a HEAD would otherwise be given what is private here. Their bytes are shared only after the upstream has delivered
   * the same bytes (`storeMirrorBlob`).
   */
  const repositoryLinking = async (
    { repository }: MirrorPlace,
    digest: Digest,
  ): Promise<RepositoryName | undefined> =>
    (await database.blobs.repositoriesLinking(digest, 1, namespaceOf(repository)))[0];

  /** Links a blob of the same mirror where the upstream has it in this repository too, with the same size. */
  const reuseExisting = async (
    place: MirrorPlace,
    digest: Digest,
  ): Promise<LinkedBlob | undefined> => {
    const { repository } = place;
    const from = await repositoryLinking(place, digest);
    const known = from && (await database.blobs.find(from, digest));
    if (from === undefined || known === undefined) return undefined;
    if ((await askSize(upstream, place, digest)) !== known.sizeBytes) return undefined;
    const mount = {
      actor: mirrorActor,
      rules,
      from,
      repository,
      digest,
      ...leasePolicy.newLease(),
    };
    const mounted = await database.run("mountBlob", mount);
    if (isRejection(mounted)) throw rejectionError(mounted, repository);
    parts.arrived(place, digest, known.sizeBytes);
    return await database.blobs.find(repository, digest);
  };

  /** Where nobody else can be fetching it, nor has it, the upstream is asked while the row is being written that says so. */
  const askAtOnce = async (
    place: MirrorPlace,
    digest: Digest,
  ): Promise<{ readonly opened: Promise<Opened>; discard(): void } | undefined> => {
    if ((await repositoryLinking(place, digest)) !== undefined || !(await parts.company.isAlone()))
      return undefined;
    const opened = parts.open(place, digest, 0);
    const discard = (): void => void opened.then((it) => it.discard(), ignore);
    opened.catch(ignore);
    return { opened, discard };
  };

  const begin = async (
    place: MirrorPlace,
    digest: Digest,
  ): Promise<LinkedBlob | Fetch | { readonly follow: MirrorFetch }> => {
    const { repository } = place;
    const claimed = { repository, reference: digest };
    const running = await claims.find(claimed);
    const asked = running === undefined ? await askAtOnce(place, digest) : undefined;
    const upload = await store.begin();
    const begun = await claims.begin(claimed, running, upload).catch((error: unknown) => {
      asked?.discard();
      throw error;
    });
    if (begun.role === "follower") {
      asked?.discard();
      return { follow: begun.fetch };
    }
    const before = begun.before?.storageReference;
    try {
      // Whoever had it may have ended just before.
      const here =
        (await database.blobs.find(repository, digest)) ??
        (asked === undefined ? await reuseExisting(place, digest) : undefined);
      if (here === undefined)
        return await leading.lead(place, digest, { upload, before, asked: asked?.opened });
      asked?.discard();
      await claims.end(claimed);
      return here;
    } catch (error) {
      asked?.discard();
      await claims.end(claimed);
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
        join: () => begun.join(),
        done: () => done,
      };
    }
    const takeOver = async (): Promise<Growth> => {
      forget();
      const arrival = await get(place, digest, admitAll);
      if (arrival.kind === "coming") return arrival.growth;
      return arrivedGrowth(arrival.blob);
    };
    const find = async () => (await database.blobs.find(repository, digest))?.storageKey;
    const { growth, sized } = followFetch({
      ...{ store, begun: begun.follow, find, takeOver, isAlive: (fetch) => claims.isAlive(fetch) },
      look: () => claims.find({ repository, reference: digest }),
    });
    const done = (async () => {
      while (growth.storageKey === undefined) await growth.until(growth.availableBytes);
    })();
    done.then(forget, forget);
    // One that was found here already has never been sized.
    const size = async (): Promise<number> =>
      (await sized()) ??
      (await database.blobs.find(repository, digest))?.sizeBytes ??
      (await askSize(upstream, place, digest));
    // The process that fetches it knows its own readers only; where it stops, this one goes on.
    const join = () => ignore;
    return { kind: "coming", growth, collapsed: true, sized: size, join, done: () => done };
  };

  const get = async (
    place: MirrorPlace,
    digest: Digest,
    admitMiss: AdmitMiss,
  ): Promise<Arrival> => {
    const key = `${place.repository}@${digest}`;
    const known = arrivals.get(key);
    if (known !== undefined) {
      const arrival = await known;
      return arrival.kind === "here" ? arrival : { ...arrival, collapsed: true };
    }
    // Before others can join: they must not be refused for what this client has used up.
    admitMiss();
    const arrival: Promise<Arrival> = arrive(place, digest, key, () => arrival);
    arrivals.set(key, arrival);
    arrival.catch(() => arrivals.delete(key));
    return await arrival;
  };

  return {
    get,
    async sizeOfRunning({ repository }, digest) {
      const arrival = await arrivals.get(`${repository}@${digest}`);
      if (arrival === undefined) return undefined;
      return arrival.kind === "here" ? arrival.blob.sizeBytes : await arrival.sized();
    },
    running: () => leading.running(),
    async close() {
      leading.pause();
      await upstream.close();
      await leading.settled();
    },
  };
}

const ignore = (): void => undefined;

/** A blob that is here, as if it had grown. */
function arrivedGrowth({ storageKey, sizeBytes }: LinkedBlob): Growth {
  return {
    ...{ upload: "", storageKey, availableBytes: sizeBytes, tail: undefined },
    until: () => Promise.resolve(),
  };
}
