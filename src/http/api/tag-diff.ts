import type * as z from "zod";
import { diffQuery, diffSchema } from "../../api/tag-diff.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import type { ComparedImage, LayerList, TagDiff } from "../../catalog/tag-diff.ts";
import { parseReference } from "../../oci/reference.ts";
import { route, type HubRequest, type Route } from "../route.ts";
import { root } from "./repositories.ts";
import { presentImage } from "./tags.ts";

interface Parts {
  readonly catalog: Pick<Catalog, "diffs">;
}

/** The route that compares two tags. */
export const berthTagDiffRoutes = (parts: Parts): readonly Route[] => [
  route({
    method: "get",
    path: `${root}/repositories/*repository/-/diff`,
    requires: { of: "repository", permission: "see contents" },
    summary: "The differences of two tags or digests: layers, sizes, configuration",
    query: diffQuery,
    answer: diffSchema,
    handle: (request) => diff(parts, request),
  }),
];

async function diff(
  { catalog }: Parts,
  { repository, query, work }: HubRequest<z.output<typeof diffQuery>>,
): Promise<z.input<typeof diffSchema>> {
  const [from, to] = [parseReference(query.from), parseReference(query.to)];
  const wanted = { repository, from, to, platform: query.platform };
  return presentDiff(await catalog.diffs.compare(wanted, work));
}

function presentDiff(found: TagDiff): z.input<typeof diffSchema> {
  const { shared, added, removed } = found.layers;
  return {
    from: presentCompared(found.from),
    to: presentCompared(found.to),
    layers: {
      shared: presentLayers(shared),
      added: presentLayers(added),
      removed: presentLayers(removed),
    },
    layer_counts: { shared: shared.count, added: added.count, removed: removed.count },
    size_change: found.sizeChangeBytes,
    download_size: found.downloadBytes,
    config: found.config.map(({ field, from, to }) => ({ field, from, to })),
    config_change_count: found.configChangeCount,
  };
}

function presentCompared({ tag, digest, image, sizeBytes }: ComparedImage) {
  return { tag: tag ?? null, digest, size: sizeBytes, image: presentImage(image) };
}

function presentLayers({ layers }: LayerList) {
  return layers.map(({ digest, sizeBytes }) => ({ digest, size: sizeBytes }));
}
