import type { LinkedBlob } from "../../database/registry/blobs.ts";
import type { MirrorFetch } from "../../database/mirror/fetches.ts";
import { isRejection } from "../../database/rejections.ts";
import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import { rejectionError } from "../../registry/errors.ts";
import { headSize } from "./blobs.ts";
import type { ProcessRegistry } from "./process-registry.ts";
import type { BlobDownload, OpenedSource } from "./fetch.ts";
import { followDownload } from "./download-follower.ts";
import type { PartialBlob } from "./partial-blob.ts";
import { createDownloadLeader, type DownloadLeaderParts } from "./download-leader.ts";
import { admitAll, mirrorActor, type AdmitMiss, type MirrorRepository } from "../repository.ts";
import type { Upstream } from "../upstream/client.ts";

/** `here`: the blob is stored. `coming`: its download runs, in this process or in another. */
export type Download =
  | { readonly kind: "here"; readonly blob: LinkedBlob }
  | {
      readonly kind: "coming";
      readonly partialBlob: PartialBlob;
      readonly collapsed: boolean;
      readonly sized: () => Promise<number>;
      /** Adds a reader. Call the result to remove it. */
      readonly join: () => () => void;
      /** Resolves when the blob is stored; rejects if the download fails. */
      readonly done: () => Promise<unknown>;
    };

/** Runs one download per blob among all processes that share the database. */
export interface Downloads {
  /** Joins the running download, or starts one if `admitMiss` does not throw. Throws {@link UpstreamFailure}. */
  get(mirrorRepository: MirrorRepository, digest: Digest, admitMiss: AdmitMiss): Promise<Download>;
  sizeOfRunning(mirrorRepository: MirrorRepository, digest: Digest): Promise<number | undefined>;
  running(): readonly Digest[];
  close(): Promise<void>;
}

export function createDownloads(
  parts: DownloadLeaderParts & {
    readonly upstream: Upstream;
    readonly processRegistry: Pick<ProcessRegistry, "isOnlyProcess">;
  },
): Downloads {
  const { store, database, upstream, rules, leasePolicy, fetchLeases } = parts;
  const downloads = new Map<string, Promise<Download>>();
  const leader = createDownloadLeader(parts);

  /**
   * Returns a repository of the same mirror that links the blob. It never considers other repositories: an upstream
   * that answers 200 to any HEAD could otherwise link a private blob into its mirror. The mirror shares the bytes of
   * other repositories only after the upstream has delivered the same bytes (`storeMirrorBlob`).
   */
  const repositoryLinking = async (
    { repository }: MirrorRepository,
    digest: Digest,
  ): Promise<RepositoryName | undefined> =>
    (await database.blobs.repositoriesLinking(digest, 1, namespaceOf(repository)))[0];

  /** Links a blob of the same mirror if a HEAD shows that the upstream repository has it too, with the same size. */
  const reuseExisting = async (
    mirrorRepository: MirrorRepository,
    digest: Digest,
  ): Promise<LinkedBlob | undefined> => {
    const { repository } = mirrorRepository;
    const from = await repositoryLinking(mirrorRepository, digest);
    const known = from && (await database.blobs.find(from, digest));
    if (from === undefined || known === undefined) return undefined;
    if ((await headSize(upstream, mirrorRepository, digest)) !== known.sizeBytes) return undefined;
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
    parts.arrived(mirrorRepository, digest, known.sizeBytes);
    return await database.blobs.find(repository, digest);
  };

  /**
   * Sends the upstream request before the fetch row is written, to save time. Does so only if this is the only process
   * and no repository of the mirror has the blob.
   */
  const askAtOnce = async (
    mirrorRepository: MirrorRepository,
    digest: Digest,
  ): Promise<{ readonly opened: Promise<OpenedSource>; discard(): void } | undefined> => {
    if (
      (await repositoryLinking(mirrorRepository, digest)) !== undefined ||
      !(await parts.processRegistry.isOnlyProcess())
    )
      return undefined;
    const opened = parts.open(mirrorRepository, digest, 0);
    const discard = (): void => void opened.then((it) => it.discard(), ignore);
    opened.catch(ignore);
    return { opened, discard };
  };

  const begin = async (
    mirrorRepository: MirrorRepository,
    digest: Digest,
  ): Promise<LinkedBlob | BlobDownload | { readonly follow: MirrorFetch }> => {
    const { repository } = mirrorRepository;
    const fetchTarget = { repository, reference: digest };
    const running = await fetchLeases.find(fetchTarget);
    const asked = running === undefined ? await askAtOnce(mirrorRepository, digest) : undefined;
    const upload = await store.begin();
    const begun = await fetchLeases.begin(fetchTarget, running, upload).catch((error: unknown) => {
      asked?.discard();
      throw error;
    });
    if (begun.role === "follower") {
      asked?.discard();
      return { follow: begun.fetch };
    }
    const before = begun.before?.storageReference;
    try {
      // Another process may have stored the blob just before this process took the lease.
      const here =
        (await database.blobs.find(repository, digest)) ??
        (asked === undefined ? await reuseExisting(mirrorRepository, digest) : undefined);
      if (here === undefined)
        return await leader.lead(mirrorRepository, digest, {
          upload,
          before,
          asked: asked?.opened,
        });
      asked?.discard();
      await fetchLeases.end(fetchTarget);
      return here;
    } catch (error) {
      asked?.discard();
      await fetchLeases.end(fetchTarget);
      throw error;
    }
  };

  const startOrFollow = async (
    mirrorRepository: MirrorRepository,
    digest: Digest,
    key: string,
    ours: () => Promise<Download> | undefined,
  ): Promise<Download> => {
    const { repository } = mirrorRepository;
    const forget = (): void => {
      if (downloads.get(key) === ours()) downloads.delete(key);
    };
    const begun = await begin(mirrorRepository, digest);
    if ("storageKey" in begun && "leasedUntilMs" in begun) {
      forget();
      return { kind: "here", blob: begun };
    }
    if (!("follow" in begun)) {
      begun.done.then(forget, forget);
      const { sized, done } = begun;
      return {
        kind: "coming",
        partialBlob: begun,
        collapsed: false,
        sized: () => sized,
        join: () => begun.join(),
        done: () => done,
      };
    }
    const takeOver = async (): Promise<PartialBlob> => {
      forget();
      const download = await get(mirrorRepository, digest, admitAll);
      if (download.kind === "coming") return download.partialBlob;
      return completeBlob(download.blob);
    };
    const find = async () => (await database.blobs.find(repository, digest))?.storageKey;
    const { partialBlob, sized } = followDownload({
      ...{
        store,
        begun: begun.follow,
        find,
        takeOver,
        isAlive: (fetch) => fetchLeases.isAlive(fetch),
      },
      look: () => fetchLeases.find({ repository, reference: digest }),
    });
    const done = (async () => {
      while (partialBlob.storageKey === undefined)
        await partialBlob.until(partialBlob.availableBytes);
    })();
    done.then(forget, forget);
    // `sized` is `undefined` if the blob was stored, or this process took over, before the leader wrote the size.
    const size = async (): Promise<number> =>
      (await sized()) ??
      (await database.blobs.find(repository, digest))?.sizeBytes ??
      (await headSize(upstream, mirrorRepository, digest));
    // The leader counts only the readers of its own process. If it stops, this process takes over.
    const join = () => ignore;
    return { kind: "coming", partialBlob, collapsed: true, sized: size, join, done: () => done };
  };

  const get = async (
    mirrorRepository: MirrorRepository,
    digest: Digest,
    admitMiss: AdmitMiss,
  ): Promise<Download> => {
    const key = `${mirrorRepository.repository}@${digest}`;
    const known = downloads.get(key);
    if (known !== undefined) {
      const download = await known;
      return download.kind === "here" ? download : { ...download, collapsed: true };
    }
    // Before `downloads.set`, so that clients that join do not fail on this client's limit.
    admitMiss();
    const download: Promise<Download> = startOrFollow(
      mirrorRepository,
      digest,
      key,
      () => download,
    );
    downloads.set(key, download);
    download.catch(() => downloads.delete(key));
    return await download;
  };

  return {
    get,
    async sizeOfRunning({ repository }, digest) {
      const download = await downloads.get(`${repository}@${digest}`);
      if (download === undefined) return undefined;
      return download.kind === "here" ? download.blob.sizeBytes : await download.sized();
    },
    running: () => leader.running(),
    async close() {
      leader.pause();
      await upstream.close();
      await leader.settled();
    },
  };
}

const ignore = (): void => undefined;

/** Presents a stored blob as a complete partial blob. */
function completeBlob({ storageKey, sizeBytes }: LinkedBlob): PartialBlob {
  return {
    ...{ upload: "", storageKey, availableBytes: sizeBytes, recentBytes: undefined },
    until: () => Promise.resolve(),
  };
}
