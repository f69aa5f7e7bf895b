import { z } from "zod";
import type { FieldChange } from "../../hub/config-difference.ts";
import type { Layer } from "../../hub/image-contents.ts";
import type { ComparedImage, TagDifference } from "../../hub/tag-difference.ts";
import { imageObject, imageShape } from "./tag-shapes.ts";

const compared = z.object({
  tag: z.string(),
  digest: z.string(),
  size: z.int(),
  image: imageObject,
});
const layers = z.array(z.object({ digest: z.string(), size: z.int() }));

export const differenceObject = z.object({
  from: compared,
  to: compared,
  layers: z.object({ shared: layers, added: layers, removed: layers }),
  size_change: z.int(),
  download_size: z.int().describe("Bytes that who has the one needs for the other."),
  config: z.array(z.object({ field: z.string(), from: z.unknown(), to: z.unknown() })),
});

export function differenceShape(difference: TagDifference): z.input<typeof differenceObject> {
  const { layers: held, config, sizeChangeBytes, downloadBytes } = difference;
  const comparedOf = ({ tag, digest, image, sizeBytes }: ComparedImage) => ({
    ...{ tag, digest, size: sizeBytes, image: imageShape(image) },
  });
  const written = (all: readonly Layer[]) =>
    all.map(({ digest, sizeBytes }) => ({ digest, size: sizeBytes }));
  return {
    from: comparedOf(difference.from),
    to: comparedOf(difference.to),
    layers: {
      shared: written(held.shared),
      added: written(held.added),
      removed: written(held.removed),
    },
    size_change: sizeChangeBytes,
    download_size: downloadBytes,
    config: config.map(({ field, from, to }: FieldChange) => ({ field, from, to })),
  };
}
