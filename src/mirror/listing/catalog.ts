import type { RegistryImages } from "../registry-images.ts";
import type { ListedRepository, RegistryListing } from "./listing.ts";

/** The listing of a registry that has only the API of the specification: the names of repositories and tags. */
export function listCatalog(images: RegistryImages): RegistryListing {
  const repositoryOf = (name: string): ListedRepository => ({
    name,
    async *images() {
      for await (const tag of images.tags(name)) yield { tag };
    },
  });
  return {
    members: [],
    async *repositories(namespaces) {
      for await (const name of images.repositories())
        if (namespaces.length === 0 || namespaces.some((one) => name.startsWith(`${one}/`)))
          yield repositoryOf(name);
    },
    repository: (name) => Promise.resolve(repositoryOf(name)),
  };
}
