import * as z from "zod";
import { time } from "./fields.ts";
import {
  childrenAtMost,
  configListAtMost,
  imageLayersAtMost,
  layerUrlsAtMost,
  rawManifestBytesAtMost,
  stepsAtMost,
} from "./limits.ts";
import { featuresAtMost } from "./tags.ts";

/* Manifests in Berth's own API: what an image consists of. Sizes are in bytes. */

const text = z.string();

const platformSchema = z.object({
  os: text,
  architecture: text,
  variant: text.nullable(),
  os_version: text.nullable().describe("The build of Windows."),
  os_features: z.array(text).max(featuresAtMost),
});

const childSchema = z.object({
  digest: text,
  media_type: text,
  artifact_type: text.nullable(),
  size: z.int(),
  platform: platformSchema.nullable(),
  attests: text
    .nullable()
    .describe("Of provenance and SBOMs of BuildKit: the digest of the image that they describe."),
  is_here: z.boolean().describe("Whether the repository has the content."),
});

const layerSchema = z.object({
  digest: text,
  size: z.int(),
  media_type: text,
  urls: z.array(text).max(layerUrlsAtMost).describe("Of a foreign layer: where clients fetch it."),
  is_here: z.boolean(),
});

const stepSchema = z.object({
  instruction: text.describe("The command that made the step; empty if it is not known."),
  created: time.nullable(),
  layer: layerSchema.nullable().describe("Null: the step changed only the configuration."),
});

const texts = z.array(text).max(configListAtMost);
const seconds = z.number().nullable().describe("Seconds.");

/** The fields of an image config that decide how the image runs (image-spec config.md). */
const imageConfigSchema = z.object({
  created: time.nullable(),
  entrypoint: texts.nullable(),
  cmd: texts.nullable(),
  env: texts,
  labels: z.record(text, text).describe("The first 1000."),
  user: text,
  working_dir: text,
  ports: texts.describe("443/tcp"),
  volumes: texts,
  stop_signal: text.nullable(),
  healthcheck: z
    .object({
      test: texts,
      interval: seconds,
      timeout: seconds,
      start_period: seconds,
      retries: z.int().nullable(),
    })
    .nullable(),
  is_complete: z.boolean().describe("False: a list has more than the 1000 entries that are shown."),
});

/** Why an answer has no configuration: it is not JSON of an image, has more than 256 KiB, or is not stored here. */
export const configProblem = z.enum(["invalid", "too large", "not here"]);

export const manifestSchema = z.object({
  digest: text,
  media_type: text,
  artifact_type: text.nullable(),
  kind: z.enum(["image", "index", "opaque"]).describe("Opaque: of an unknown media type."),
  size: z.int().describe("Bytes of the manifest itself."),
  pushed_at: time,
  subject: text.nullable(),
  platform: platformSchema.nullable().describe("Of an image."),
  raw: text
    .nullable()
    .describe(`The text of the manifest; null for more than ${rawManifestBytesAtMost} bytes.`),
  annotations: z
    .record(text, text)
    .nullable()
    .describe("Null: they have more than 64 KiB; the text of the manifest has them."),
  children: z.array(childSchema).max(childrenAtMost).describe("The first 500 entries of an index."),
  child_count: z.int(),
  config: imageConfigSchema.nullable().describe("Null for content that is no container image."),
  config_problem: configProblem.nullable(),
  steps: z
    .array(stepSchema)
    .max(stepsAtMost)
    .describe("The history of the image with its layers, or only the layers if they do not agree."),
  step_count: z.int(),
});
export type ManifestAnswer = z.output<typeof manifestSchema>;

/** `GET /api/berth/v1/repositories/NAME/-/manifests/DIGEST/sharing` */
export const layerSharingSchema = z.object({
  layers: z
    .array(
      z.object({
        digest: text,
        tags: z
          .int()
          .describe("Tags of this repository with the layer, as a lower bound above 1000."),
        repositories: z
          .int()
          .describe("Other repositories with the layer that the caller may read, at most 1000."),
      }),
    )
    .max(imageLayersAtMost)
    .describe("The first 500 layers, each digest once."),
  bytes: z
    .object({ elsewhere: z.int(), here: z.int(), alone: z.int() })
    .describe(
      "Bytes of the layers: also in another repository, else in another image of this one, else only in this image.",
    ),
});
export type LayerSharingAnswer = z.output<typeof layerSharingSchema>;
