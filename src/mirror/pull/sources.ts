import { request, type Dispatcher } from "undici";
import type { Database } from "../../database/contract.ts";
import { algorithmOf, digestOf, isDigest, type Digest } from "../../oci/digest.ts";
import {
  bareMediaType,
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  OCI_INDEX,
  OCI_MANIFEST,
} from "../../oci/media-types.ts";
import type { Reference } from "../../oci/reference.ts";
import type { MirrorRepository } from "../repository.ts";
import type { MirrorSettings } from "../settings.ts";
import type { ProxySettings } from "../../network/connections.ts";
import type { Upstream } from "../upstream/client.ts";
import { openUpstreamConnections, publicAddresses } from "../upstream/connection.ts";
import { connectionFailure, UpstreamFailure } from "../upstream/failure.ts";
import {
  discardBody,
  headerOf,
  integerOf,
  type ResponseReader,
  type UpstreamResponse,
} from "../upstream/responses.ts";
import type { WriteBehind } from "./write-behind.ts";

/* Requests for blobs and manifests. All functions throw UpstreamFailure. */

/** The response of a source for the bytes of a blob from `start` on. */
export interface OpenedSource {
  /** Offset of the first byte: the requested `start`, or 0 if the source does not support ranges. */
  readonly start: number;
  /** Size of the whole blob; `undefined` if the source does not send it. */
  readonly sizeBytes: number | undefined;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Closes the response without reading it. */
  discard(): void;
}

/** Opens blobs at the upstream, and foreign layers at the URLs in their manifests. */
export interface BlobSources {
  /** Opens a blob at byte `start`. */
  open(mirrorRepository: MirrorRepository, digest: Digest, start: number): Promise<OpenedSource>;
  close(): Promise<void>;
}

export function createBlobSources(
  settings: MirrorSettings,
  parts: {
    readonly upstream: Upstream;
    readonly proxies: ProxySettings;
    readonly database: Pick<Database, "mirrorReferences">;
    readonly writeBehind: Pick<WriteBehind, "settled">;
  },
): BlobSources {
  const { upstream, database, writeBehind } = parts;
  const foreign =
    settings.foreignLayerHosts.length === 0
      ? undefined
      : openUpstreamConnections(settings, parts.proxies);

  return {
    async open(mirrorRepository, digest, start) {
      const { repository, name } = mirrorRepository;
      const headers = start === 0 ? {} : { range: `bytes=${start}-` };
      try {
        const asked = { method: "GET", name, path: `blobs/${digest}`, headers } as const;
        return openedAt(start, await upstream.ask(asked));
      } catch (error) {
        const isAbsent = error instanceof UpstreamFailure && error.kind === "absent";
        if (foreign === undefined || !isAbsent) throw error;
        await writeBehind.settled(repository);
        const urls = await database.mirrorReferences.urlsOf(repository, digest);
        const found = await openForeignLayer(settings, foreign, { urls, headers });
        if (found === undefined) throw error;
        return openedAt(start, found);
      }
    },
    async close() {
      await foreign?.destroy();
    },
  };
}

function openedAt(start: number, response: UpstreamResponse): OpenedSource {
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

/**
 * Opens a foreign layer: a layer that the registry does not store itself, such as those of older Windows images. It
 * comes only from hosts in `mirrors[].foreignLayerHosts`, whatever URLs the manifest names. Its digest is verified.
 *
 * Returns the response of the first allowed URL that answers 200 or 206, and `undefined` if no URL is allowed. Throws the
 * failure of the last URL if all allowed URLs fail.
 */
async function openForeignLayer(
  {
    foreignLayerHosts,
    allowPrivateNetwork,
  }: Pick<MirrorSettings, "foreignLayerHosts" | "allowPrivateNetwork">,
  dispatcher: Dispatcher,
  {
    urls,
    headers,
  }: { readonly urls: readonly string[]; readonly headers: Readonly<Record<string, string>> },
): Promise<UpstreamResponse | undefined> {
  const hosts = new Set(foreignLayerHosts.map((host) => host.toLowerCase()));
  const allowed = urls
    .flatMap((text) => (URL.canParse(text) ? [new URL(text)] : []))
    .filter(({ protocol, host }) => /^https?:$/.test(protocol) && hosts.has(host));
  let failure: unknown;
  for (const url of allowed) {
    try {
      if (!allowPrivateNetwork) publicAddresses.checkLiteral(url);
      const { statusCode: status, ...answer } = await request(url, { headers, dispatcher });
      if (status === 200 || status === 206) return { status, ...answer };
      await answer.body.dump();
      const kind = status === 404 ? "absent" : "serverError";
      throw new UpstreamFailure(kind, `${url.host} answers with ${status}`, { status });
    } catch (error) {
      failure = connectionFailure(error, url.host);
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}

/** Returns the size of a blob in bytes from a HEAD to the upstream. */
export async function headSize(
  upstream: Upstream,
  { name }: MirrorRepository,
  digest: Digest,
): Promise<number> {
  const response = await upstream.ask({ method: "HEAD", name, path: `blobs/${digest}` });
  await response.body.dump();
  const sizeBytes = integerOf(response, "content-length");
  if (sizeBytes !== undefined) return sizeBytes;
  throw new UpstreamFailure("serverError", "the upstream does not send the size of the blob");
}

/** The metadata of a manifest that a HEAD response carries. */
export interface ManifestHead {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
}

/** Lists all manifest types: for an incomplete list, some registries answer with a converted manifest, or with 404. */
const accept = [OCI_INDEX, DOCKER_MANIFEST_LIST, OCI_MANIFEST, DOCKER_MANIFEST, "*/*"].join(", ");

const manifestRequest = ({ name }: MirrorRepository, reference: Reference) => ({
  name,
  path: `manifests/${referenceText(reference)}`,
  headers: { accept },
});

export const referenceText = (reference: Reference): string =>
  reference.kind === "tag" ? reference.tag : reference.digest;

/** Returns the metadata of a manifest from a HEAD; `undefined` if the response lacks the digest, type or size. */
export async function requestManifestHead(
  upstream: Upstream,
  mirrorRepository: MirrorRepository,
  reference: Reference,
): Promise<ManifestHead | undefined> {
  const asked = manifestRequest(mirrorRepository, reference);
  const response = await upstream.ask({ method: "HEAD", ...asked });
  await response.body.dump();
  const digest = digestHeader(response);
  const mediaType = bareMediaType(headerOf(response, "content-type") ?? "");
  const sizeBytes = integerOf(response, "content-length");
  if (digest === undefined || mediaType === undefined || sizeBytes === undefined) return undefined;
  return { digest, mediaType, sizeBytes };
}

/** Downloads a manifest of at most `limitBytes` bytes, and verifies its digest if the reference or the response has one. */
export async function requestManifest(
  { upstream, responses, limitBytes }: ManifestSource,
  mirrorRepository: MirrorRepository,
  reference: Reference,
): Promise<{ readonly bytes: Buffer; readonly mediaType: string | undefined }> {
  const asked = manifestRequest(mirrorRepository, reference);
  const response = await upstream.ask({ method: "GET", ...asked });
  const bytes = await responses.read(response, { limitBytes }, (whole) => whole);
  const length = headerOf(response, "content-length");
  if (length !== undefined && Number(length) !== bytes.length)
    throw new UpstreamFailure("connectionFailed", "the upstream ended the manifest too early");
  const digest = reference.kind === "tag" ? digestHeader(response) : reference.digest;
  if (digest !== undefined && digestOf(bytes, algorithmOf(digest)) !== digest)
    throw new UpstreamFailure("badResponse", `the upstream's manifest does not match ${digest}`);
  return { bytes, mediaType: bareMediaType(headerOf(response, "content-type") ?? "") };
}

/** Where manifests come from, and how large they may be. */
export interface ManifestSource {
  readonly upstream: Upstream;
  readonly responses: ResponseReader;
  readonly limitBytes: number;
}

/** The valid digest in `Docker-Content-Digest`, or `undefined`. */
function digestHeader(response: Pick<UpstreamResponse, "headers">): Digest | undefined {
  const digest = headerOf(response, "docker-content-digest");
  return digest !== undefined && isDigest(digest) ? digest : undefined;
}
