import { readProxies } from "../config/sources.ts";
import {
  ImportError,
  pushTimeOf,
  SkipError,
  type ImportBroken,
  type ImportContent,
  type ImportImage,
} from "../maintenance/import/content.ts";
import { listCatalog } from "../mirror/listing/catalog.ts";
import { listDockerHub } from "../mirror/listing/docker-hub.ts";
import { findHarbor } from "../mirror/listing/harbor.ts";
import type { ListedRepository, RegistryListing } from "../mirror/listing/listing.ts";
import { RegistryConnection, type RegistrySettings } from "../mirror/registry-connection.ts";
import { RegistryImages } from "../mirror/registry-images.ts";
import { describeUpstreamError, saysAbsent, UpstreamFailure } from "../mirror/upstream/failure.ts";
import type { Digest } from "../oci/digest.ts";
import { orAbsent } from "../oci/errors.ts";
import { parseRepositoryName, type RepositoryName } from "../oci/name.ts";
import { parseTag, type Tag } from "../oci/reference.ts";
import type { AppContext } from "./context.ts";

interface OpenRegistry {
  readonly images: RegistryImages;
  readonly listing: RegistryListing;
}

/**
 * Opens another registry for an import. Its repositories are listed by the API of Harbor if the registry has it, or else by
 * its catalog. Throws ImportError.
 * @param hubApi the URL of an API as that of Docker Hub, which lists them instead
 */
export async function openRegistry(
  context: AppContext,
  settings: RegistrySettings,
  hubApi: string | undefined,
): Promise<OpenRegistry> {
  const { clock, config } = context;
  const parts = { database: await context.database(), clock, proxies: readProxies() };
  const connect = (registry: RegistrySettings): RegistryConnection => {
    const connection = new RegistryConnection(registry, parts);
    context.onClose(() => connection.close());
    return connection;
  };
  const connection = connect(settings);
  const images = new RegistryImages(connection, config.limits.manifestSize);
  if (hubApi !== undefined) {
    const { username, password = "", tls } = settings;
    const account = username === undefined ? undefined : { username, password };
    const hub = connect({ upstream: hubApi, tokenHosts: [], tls });
    return { images, listing: listDockerHub(hub, account, clock) };
  }
  try {
    return { images, listing: (await findHarbor(connection)) ?? listCatalog(images) };
  } catch (error) {
    throw endingOf(error);
  }
}

interface ChosenImages {
  /** Only these repositories; an empty list: all that the registry lists. */
  readonly names: readonly string[];
  /** Only the repositories of these namespaces; an empty list: all. */
  readonly namespaces: readonly string[];
  /** The namespace of names with one component. */
  readonly to: string | undefined;
}

/** All tags and referrers of repositories of another registry, and the images without a tag that it lists. */
export async function* imagesOfRegistry(
  { images, listing }: OpenRegistry,
  { names, namespaces, to }: ChosenImages,
): AsyncGenerator<ImportImage | ImportBroken> {
  const listed =
    names.length > 0 ? namedIn(listing, names) : endingOnFailure(listing.repositories(namespaces));
  for await (const one of listed) {
    if ("broken" in one) {
      yield one;
      continue;
    }
    const { name } = one;
    const full = to !== undefined && !name.includes("/") ? `${to}/${name}` : name;
    const repository = orAbsent(() => parseRepositoryName(full));
    if (repository === undefined)
      yield { name, broken: "its name is not the name of a repository" };
    else yield* imagesOf(images, one, repository);
  }
}

async function* namedIn(
  listing: RegistryListing,
  names: readonly string[],
): AsyncGenerator<ListedRepository | ImportBroken> {
  for (const name of names) {
    try {
      yield await listing.repository(name);
    } catch (error) {
      yield { name, broken: skipOf(error).message };
    }
  }
}

async function* imagesOf(
  images: RegistryImages,
  listed: ListedRepository,
  repository: RepositoryName,
): AsyncGenerator<ImportImage | ImportBroken> {
  const { name, visibility, description, readme } = listed;
  const details = { visibility, description, readme };
  const all = { repository, content: skippingOnFailure(images.content(name)), details };
  try {
    for await (const {
      tag: text,
      digest: known,
      pushedAtMs: atMs,
      mayBeAbsent,
    } of listed.images()) {
      const pushedAtMs = atMs === undefined ? undefined : pushTimeOf(atMs);
      if (text === undefined) {
        if (known !== undefined)
          yield { name: `${name}@${known}`, digest: known, pushedAtMs, ...all };
        continue;
      }
      const tag = orAbsent(() => parseTag(text));
      if (tag === undefined) {
        yield { name: `${name}:${text}`, broken: "its name is not the name of a tag" };
        continue;
      }
      const finding = mayBeAbsent === true ? findDigest(images, name, tag) : undefined;
      const digest = known ?? (await (finding ?? images.digestOf(name, tag)));
      if (digest === undefined) continue;
      yield { name: `${name}:${tag}`, tag, digest, pushedAtMs, ...all };
      for await (const referrer of images.referrers(name, digest))
        yield { name: `${name}@${referrer}`, digest: referrer, ...all };
    }
  } catch (error) {
    yield { name, broken: skipOf(error).message };
  }
}

const findDigest = (images: RegistryImages, name: string, tag: Tag): Promise<Digest | undefined> =>
  images.digestOf(name, tag).catch((error: unknown) => {
    if (saysAbsent(error)) return undefined;
    throw error;
  });

async function* endingOnFailure<T>(listed: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* listed;
  } catch (error) {
    if (!saysAbsent(error)) throw endingOf(error);
    throw new ImportError(
      `${describeUpstreamError(error)}: it does not list these repositories; name them with --repository`,
      { cause: error },
    );
  }
}

const skippingOnFailure = (content: ImportContent): ImportContent => ({
  manifest: (digest) => orFailure(content.manifest(digest)),
  blob: (digest) => orFailure(content.blob(digest)),
});

const orFailure = <T>(asking: Promise<T>): Promise<T> =>
  asking.catch((error: unknown) => {
    throw failureOf(error);
  });

const endings = new Set(["limited", "connectionFailed", "timeout", "circuitOpen"]);

/** A registry that cannot be reached, or limits requests, ends the import; other failures skip the image. */
function failureOf(error: unknown): Error {
  if (!(error instanceof UpstreamFailure)) return error as Error;
  const reason = describeUpstreamError(error);
  if (!endings.has(error.kind)) return new SkipError(reason, { cause: error });
  return new ImportError(`${reason}; the same command continues later`, { cause: error });
}

/** The failure that skips something. Throws a failure that ends the import. */
function skipOf(error: unknown): SkipError {
  const failure = failureOf(error);
  if (failure instanceof SkipError) return failure;
  throw failure;
}

/** The failure as one that ends the import. */
function endingOf(error: unknown): Error {
  const failure = failureOf(error);
  return failure instanceof SkipError
    ? new ImportError(failure.message, { cause: error })
    : failure;
}
