import * as z from "zod";
import { flag, pageFields, time, words } from "./fields.ts";
import { aliasesAtMost, imageLayersAtMost, imagesAtMost, shownReferrersAtMost } from "./limits.ts";

/* Tags and images in the Hub-shaped API (`hub…`) and in Berth's own API. Sizes are in bytes. */

const status = z.enum(["active", "inactive"]);
export const hubImageSchema = z.object({
  architecture: z.string(),
  features: z.string(),
  variant: z.string().nullable(),
  digest: z.string(),
  os: z.string(),
  os_features: z.string(),
  os_version: z.string().nullable(),
  size: z.number().int(),
  status,
  last_pulled: time.nullable(),
  last_pushed: time.nullable(),
});
const hubImageWithLayersSchema = hubImageSchema.extend({
  layers: z
    .array(z.object({ digest: z.string(), size: z.number().int(), instruction: z.string() }))
    .max(imageLayersAtMost)
    .describe("The first 500; fewer if the answer already has 5000 layers."),
  layer_count: z.int().describe("The number of all layers."),
});
export const hubTagImagesSchema = z.array(hubImageWithLayersSchema).max(imagesAtMost);
export const hubTagSchema = z.object({
  id: z.number().int(),
  creator: z.number().int().nullable(),
  name: z.string(),
  repository: z.number().int(),
  full_size: z.number().int(),
  v2: z.boolean(),
  last_updated: time,
  last_updater: z.number().int().nullable(),
  last_updater_username: z.string(),
  status,
  tag_status: status,
  tag_last_pulled: time.nullable(),
  tag_last_pushed: time,
  media_type: z.string(),
  content_type: z.string(),
  digest: z.string(),
  images: z.array(hubImageSchema).max(imagesAtMost).describe("The first 100."),
  image_count: z.int().describe("The number of all images."),
  attestations: z
    .array(z.object({ digest: z.string(), reference_digest: z.string().nullable(), size: z.int() }))
    .max(imagesAtMost)
    .describe("Provenance and SBOMs among the entries of the index."),
});
export const hubTagListQuery = z.object({
  ...pageFields,
  name: z.string().max(255).optional(),
  // Clients send `last_updated` and `-last_updated`, and expect the newest tag first for both.
  ordering: z.enum(["last_updated", "-last_updated", "name", "-name"]).default("last_updated"),
});

/** Features of an operating system (`os.features`) of an image. */
export const featuresAtMost = 100;

export const imageSchema = z.object({
  os: z.string(),
  architecture: z.string(),
  variant: z.string().nullable(),
  os_version: z.string().nullable().describe("The build of Windows."),
  os_features: z.array(z.string()).max(featuresAtMost),
  digest: z.string(),
  size: z.int().describe("Bytes of config and layers."),
  is_here: z
    .boolean()
    .describe("False: an index names the image, and the repository does not have it."),
});
export type ImageAnswer = z.output<typeof imageSchema>;

const artifactTypes = [
  ...(["helm", "wasm", "signature", "attestation", "sbom"] as const),
  ...(["plugin", "compose", "model", "other"] as const),
];
const artifactSchema = z.object({
  type: z.enum(artifactTypes),
  label: z.string().describe("What it is in words, with name and version."),
  name: z.string().nullable().describe("Of Chart.yaml, for a Helm chart."),
  version: z.string().nullable().describe("Of Chart.yaml."),
  app_version: z.string().nullable().describe("Of Chart.yaml: the version of what it installs."),
});

export const tagItemSchema = z.object({
  name: z.string(),
  digest: z.string(),
  media_type: z.string(),
  artifact: artifactSchema
    .nullable()
    .describe("Null: an index or a container image. Berth does not verify what it says."),
  last_updated: time,
  last_updater: z.string().nullable(),
  pull_count: z.int(),
  last_pulled: time.nullable(),
  size: z.int().describe("Bytes of the images that are shown."),
  images: z.array(imageSchema).max(imagesAtMost).describe("The first 100."),
  image_count: z.int().describe("The number of all images."),
  attestations: z
    .array(z.object({ digest: z.string(), subject: z.string().nullable(), size: z.int() }))
    .max(imagesAtMost),
  aliases: z
    .array(z.string())
    .max(aliasesAtMost)
    .describe("Other tags with the same digest, at most 20."),
  is_immutable: z.boolean(),
  is_signed: z.boolean().describe("A signature of the digest is stored. Berth does not verify it."),
});
export type TagItemAnswer = z.output<typeof tagItemSchema>;

export const referrerSchema = z.object({
  digest: z.string(),
  subject: z.string().describe("The digest that the tag points at, or that of one of its images."),
  media_type: z.string(),
  artifact_type: z.string().nullable(),
  size: z.int(),
  tag: z
    .string()
    .nullable()
    .describe("The tag of the referrer, like sha256-….sig; null for a referrer by subject."),
});

export const freedBytes = z
  .int()
  .nullable()
  .describe(
    "Bytes that the collector deletes after the deletion, as far as the caller may read the other repositories with the same content. Null: too much to add up.",
  );

export const tagQuery = z.object({ frees: flag.describe("Adds frees to the answer.") });
export const tagSchema = tagItemSchema.extend({
  referrers: z.array(referrerSchema).max(shownReferrersAtMost),
  frees: freedBytes.optional(),
});
export type TagAnswer = z.output<typeof tagSchema>;

export const tagMoveSchema = z.object({
  digest: z.string().nullable().describe("Null: the tag was removed."),
  actor: z.string().nullable(),
  token_label: z
    .string()
    .nullable()
    .describe(
      "The label of the actor's access token, for callers with the permission to move the tag.",
    ),
  changed_at: time,
  is_here: z.boolean().describe("Whether the tag can be rolled back to it."),
  reason: z.enum(["push", "rollback", "delete"]),
  tags: z
    .array(z.string())
    .max(aliasesAtMost)
    .describe("Tags that point at the digest now, at most 20."),
});
export type TagMoveAnswer = z.output<typeof tagMoveSchema>;

const orders = ["name", "natural", "updated", "size", "pulls"] as const;
/** The orders in which the first tag is the largest, the newest or the most pulled. */
const fallingOrders: readonly string[] = ["updated", "size", "pulls"];

/** `GET /api/berth/v1/repositories/NAME/-/tags` */
export const tagListQuery = z.object({
  ...pageFields,
  page: pageFields.page.unwrap().optional(),
  last: z
    .string()
    .max(255)
    .optional()
    .describe("The last name of the previous page; only by name, without a filter."),
  order: z.enum(orders).default("name").describe("natural: 2.10 comes after 2.9."),
  direction: z
    .enum(["asc", "desc"])
    .optional()
    .describe("Default: asc for name and natural, otherwise desc."),
  filter: z.string().max(255).default("").describe("A part of the name."),
  os: words,
  architecture: words,
  unused_for: z.coerce
    .number()
    .int()
    .min(0)
    .max(36_500)
    .optional()
    .describe("Days without a push and a pull."),
});

/** Whether the list begins with the largest value. */
export const isDescending = ({ order, direction }: z.output<typeof tagListQuery>): boolean =>
  direction === undefined ? fallingOrders.includes(order) : direction === "desc";

export const rollbackBody = z.object({
  digest: z.string().nullish().describe("A digest of the history; default: the previous one."),
});
export const rollbackSchema = z.object({ name: z.string(), digest: z.string() });
