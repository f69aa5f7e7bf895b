import type { Database } from "../../database/database.ts";
import type { Digest } from "../../oci/digest.ts";
import { UpstreamFailure } from "../upstream/failure.ts";
import type { OpenedSource } from "./fetch.ts";
import type { ForeignLayers } from "../upstream/foreign-layers.ts";
import type { MirrorRepository } from "../repository.ts";
import type { WriteBehind } from "./write-behind.ts";
import type { Upstream } from "../upstream/client.ts";
import { discardBody, headerOf, integerOf, type UpstreamResponse } from "../upstream/responses.ts";

/** Opens blobs at the upstream, and foreign layers at the URLs in their manifests. Throws {@link UpstreamFailure}. */
export function createSources(parts: {
  readonly upstream: Upstream;
  readonly foreignLayers: ForeignLayers | undefined;
  readonly database: Pick<Database, "mirrorReferences">;
  readonly writeBehind: Pick<WriteBehind, "settled">;
}): (mirrorRepository: MirrorRepository, digest: Digest, start: number) => Promise<OpenedSource> {
  const { upstream, foreignLayers, database, writeBehind } = parts;

  return async (mirrorRepository, digest, start) => {
    const headers = rangeFrom(start);
    const { name } = mirrorRepository;
    try {
      const asked = { method: "GET", name, path: `blobs/${digest}`, headers } as const;
      return readOpened(await upstream.ask(asked), start);
    } catch (error) {
      const isAbsent = error instanceof UpstreamFailure && error.kind === "absent";
      if (foreignLayers === undefined || !isAbsent) throw error;
      await writeBehind.settled(mirrorRepository.repository);
      const urls = await database.mirrorReferences.urlsOf(mirrorRepository.repository, digest);
      const found = await foreignLayers.open(urls, headers);
      if (found === undefined) throw error;
      return readOpened(found, start);
    }
  };
}

const rangeFrom = (start: number): Record<string, string> =>
  start === 0 ? {} : { range: `bytes=${start}-` };

function readOpened(response: UpstreamResponse, start: number): OpenedSource {
  const discard = (): void => discardBody(response);
  const bytes = response.body;
  if (response.status !== 206)
    return { start: 0, sizeBytes: integerOf(response, "content-length"), bytes, discard };
  const [, from, total] =
    /^bytes (\d+)-\d+\/(\d+)$/.exec(headerOf(response, "content-range") ?? "") ?? [];
  if (from !== undefined && Number(from) === start)
    return { start, sizeBytes: Number(total), bytes, discard };
  discard();
  throw new UpstreamFailure(
    "badResponse",
    "the upstream sends other bytes than the requested ones",
  );
}

/** Requests the first chunk immediately, so that it does not wait until the store has opened the file. */
export function prefetchFirst(
  bytes: AsyncGenerator<Uint8Array, void>,
): AsyncGenerator<Uint8Array, void> {
  const first = bytes.next();
  first.catch(() => undefined);
  let isFirst = true;
  return {
    next: () => {
      if (!isFirst) return bytes.next();
      isFirst = false;
      return first;
    },
    return: (value) => bytes.return(value),
    throw: (error) => bytes.throw(error),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
