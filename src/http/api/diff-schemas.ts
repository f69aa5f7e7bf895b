import * as z from "zod";
import {
  type FieldChange,
  fieldsAtMost,
  diffLayersAtMost,
  type ComparedImage,
  type LayerList,
  type TagDiff,
} from "../../catalog/tag-diff.ts";
import { imageSchema, presentImage } from "./tag-schemas.ts";

const compared = z.object({
  tag: z.string(),
  digest: z.string(),
  size: z.int(),
  image: imageSchema,
});
const layers = z.array(z.object({ digest: z.string(), size: z.int() })).max(diffLayersAtMost);
const count = z.int();

export const diffSchema = z.object({
  from: compared,
  to: compared,
  layers: z.object({ shared: layers, added: layers, removed: layers }),
  layer_counts: z
    .object({ shared: count, added: count, removed: count })
    .describe("How many there are; the lists have the first 500."),
  size_change: z.int(),
  download_size: z.int().describe("Bytes that who has the one needs for the other."),
  config: z
    .array(z.object({ field: z.string(), from: z.unknown(), to: z.unknown() }))
    .max(fieldsAtMost),
  config_change_count: z.int().describe("How many there are; the list has the first 1000."),
});

export function presentDiff(difference: TagDiff): z.input<typeof diffSchema> {
  const { layers: held, config, sizeChangeBytes, downloadBytes, configChangeCount } = difference;
  const comparedOf = ({ tag, digest, image, sizeBytes }: ComparedImage) => ({
    ...{ tag, digest, size: sizeBytes, image: presentImage(image) },
  });
  const written = (list: LayerList) =>
    list.layers.map(({ digest, sizeBytes }) => ({ digest, size: sizeBytes }));
  return {
    from: comparedOf(difference.from),
    to: comparedOf(difference.to),
    layers: {
      shared: written(held.shared),
      added: written(held.added),
      removed: written(held.removed),
    },
    layer_counts: {
      shared: held.shared.count,
      added: held.added.count,
      removed: held.removed.count,
    },
    size_change: sizeChangeBytes,
    download_size: downloadBytes,
    config: config.map(({ field, from, to }: FieldChange) => ({ field, from, to })),
    config_change_count: configChangeCount,
  };
}
