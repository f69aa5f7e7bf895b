import { readProxies } from "../config/sources.ts";
import {
  ImportError,
  SkipError,
  type ImportBroken,
  type ImportContent,
  type ImportImage,
} from "../maintenance/import/content.ts";
import { RegistryImages, type RegistrySettings } from "../mirror/registry-images.ts";
import { describeUpstreamError, saysAbsent, UpstreamFailure } from "../mirror/upstream/failure.ts";
import { orAbsent } from "../oci/errors.ts";
import { parseRepositoryName } from "../oci/name.ts";
import { parseTag } from "../oci/reference.ts";
import type { AppContext } from "./context.ts";

/** Opens the API of another registry for an import. */
export async function openRegistryImages(
  context: AppContext,
  settings: RegistrySettings,
): Promise<RegistryImages> {
  const { clock, config } = context;
  const { manifestSize: manifestBytes } = config.limits;
  const parts = { database: await context.database(), clock, proxies: readProxies() };
  const registry = new RegistryImages(settings, { ...parts, manifestBytes });
  context.onClose(() => registry.close());
  return registry;
}

/**
 * All tags and referrers of repositories of another registry.
 * @param names only these repositories; an empty list: all that the registry lists
 * @param to the namespace of names with one component
 */
export async function* imagesOfRegistry(
  registry: RegistryImages,
  { names, to }: { readonly names: readonly string[]; readonly to: string | undefined },
): AsyncGenerator<ImportImage | ImportBroken> {
  const all = names.length > 0 ? names : endingOnFailure(registry.repositories());
  for await (const name of all) {
    const full = to !== undefined && !name.includes("/") ? `${to}/${name}` : name;
    const repository = orAbsent(() => parseRepositoryName(full));
    if (repository === undefined)
      yield { name, broken: "its name is not the name of a repository" };
    else yield* imagesOf(registry, { name, repository });
  }
}

async function* imagesOf(
  registry: RegistryImages,
  found: Pick<ImportImage, "name" | "repository">,
): AsyncGenerator<ImportImage | ImportBroken> {
  const { name, repository } = found;
  const content = skippingOnFailure(registry.content(name));
  try {
    for await (const text of registry.tags(name)) {
      const tag = orAbsent(() => parseTag(text));
      if (tag === undefined) {
        yield { name: `${name}:${text}`, broken: "its name is not the name of a tag" };
        continue;
      }
      const digest = await registry.digestOf(name, tag);
      yield { name: `${name}:${tag}`, repository, tag, digest, content };
      for await (const referrer of registry.referrers(name, digest))
        yield { name: `${name}@${referrer}`, repository, digest: referrer, content };
    }
  } catch (error) {
    const failure = failureOf(error);
    if (!(failure instanceof SkipError)) throw failure;
    yield { name, broken: failure.message };
  }
}

async function* endingOnFailure(names: AsyncIterable<string>): AsyncGenerator<string> {
  try {
    yield* names;
  } catch (error) {
    const failure = failureOf(error);
    if (!saysAbsent(error))
      throw failure instanceof SkipError
        ? new ImportError(failure.message, { cause: error })
        : failure;
    throw new ImportError(
      "the registry does not list its repositories: name them with --repository",
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
