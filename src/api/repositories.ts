import * as z from "zod";
import { flag, followingFields, pageFields, time } from "./fields.ts";
import { triedTagsAtMost } from "./limits.ts";

/* Repositories in the Hub-shaped API (`hub…`) and in Berth's own API. Sizes are in bytes. */

const contentType = z.enum(["image", "plugin", "helm", "wasm", "compose", "model", "unrecognized"]);

export const hubRepositoryItemSchema = z.object({
  name: z.string(),
  namespace: z.string(),
  repository_type: z.enum(["image", "plugin"]).nullable(),
  status: z.number().int(),
  status_description: z.string(),
  description: z.string(),
  is_private: z.boolean(),
  star_count: z.number().int(),
  pull_count: z.number().int(),
  last_updated: time,
  last_modified: time,
  date_registered: time,
  affiliation: z.string(),
  media_types: z.array(z.string()),
  content_types: z.array(contentType),
  categories: z.array(z.object({ name: z.string(), slug: z.string() })),
  storage_size: z.number().int(),
  user: z.string(),
  is_automated: z.boolean(),
  is_migrated: z.boolean(),
  can_edit: z.boolean(),
});

export type HubRepositoryItemAnswer = z.output<typeof hubRepositoryItemSchema>;
export const hubRepositorySchema = hubRepositoryItemSchema.extend({
  collaborator_count: z.number().int(),
  hub_user: z.string(),
  has_starred: z.boolean(),
  full_description: z.string(),
  permissions: z.object({ read: z.boolean(), write: z.boolean(), admin: z.boolean() }),
  immutable_tags_settings: z.object({ enabled: z.boolean(), rules: z.array(z.string()) }),
  source: z.string().nullable(),
});

export const repositoryOrderings = ["name", "last_updated", "pull_count"] as const;
export const hubRepositoryListQuery = z.object({
  ...pageFields,
  name: z.string().max(255).optional(),
  is_private: flag.describe(
    "Only private, or only public repositories; Docker Hub does not have it.",
  ),
  ordering: z
    .enum([...repositoryOrderings, "-name", "-last_updated", "-pull_count"])
    .default("-last_updated"),
});

export const descriptionBytesAtMost = 100;
export const readmeCharactersAtMost = 25_000;
const shortText = z
  .string()
  .refine(
    (text) => new TextEncoder().encode(text).length <= descriptionBytesAtMost,
    `has more than ${descriptionBytesAtMost} bytes`,
  );
const fullText = z.string().max(readmeCharactersAtMost);

export const createRepositoryBody = z.object({
  /** In Docker Hub a name has one component; in Berth it may have more. */
  name: z.string().min(1).max(255),
  namespace: z.string().optional(),
  description: shortText.nullish(),
  full_description: fullText.nullish(),
  registry: z.string().nullish(),
  is_private: z
    .boolean()
    .optional()
    .describe("Default: as the configuration key repositories.defaultVisibility says."),
});
export const updateRepositoryBody = z.object({
  description: shortText.nullish(),
  full_description: fullText.nullish(),
  is_private: z.boolean().optional(),
  registry: z.string().nullish(),
  status: z.int().optional(),
});

export const immutableTagsBody = z.object({
  immutable_tags: z.boolean(),
  immutable_tags_rules: z.array(z.string()).max(100).default([]),
});
export const tagExpressionBody = z.object({ regex: z.string() });
export const matchingTagsSchema = z.object({ tags: z.array(z.string()).max(triedTagsAtMost) });

const permission = z.enum(["read", "write", "admin"]);

/** A team's permission on a repository. */
export const teamPermissionSchema = z.object({
  group_name: z.string(),
  group_id: z.number().int(),
  permission,
});
export const addTeamPermissionBody = z.object({ group_id: z.int(), permission });
export const setTeamPermissionBody = z.object({ permission });

/** The fields that a repository and a search result share. */
export const repositoryFields = {
  name: z.string().describe("Namespace and name."),
  short_name: z.string().describe("The name as in docker pull: alpine for library/alpine."),
  description: z.string(),
  is_private: z.boolean(),
  star_count: z.int(),
  pull_count: z.int(),
  last_pulled: time.nullable(),
  operating_systems: z.array(z.string()),
  architectures: z.array(z.string()),
  os_versions: z.array(z.string()).describe("Builds of Windows."),
  types: z.array(z.string()),
  last_updated: time,
};

export const repositoryItemSchema = z.object({
  ...repositoryFields,
  immutable_tags: z
    .array(z.string())
    .nullable()
    .describe("RE2 expressions; an empty list makes all tags immutable."),
  tag_count: z.int(),
  push_count: z.int(),
  storage_size: z.int(),
  date_registered: time,
});
export type RepositoryItemAnswer = z.output<typeof repositoryItemSchema>;
export const repositorySchema = repositoryItemSchema.extend({ full_description: z.string() });
export type RepositoryAnswer = z.output<typeof repositorySchema>;

const namespace = z
  .string()
  .max(100)
  .regex(/^[a-z0-9._-]*$/, "is not a valid account name");
export const repositoryListQuery = z.object({
  ...followingFields,
  namespace: namespace.optional(),
});

const storageUsageSchema = z.object({
  bytes: z.int().describe("Bytes of the blobs, each counted once."),
  shared_bytes: z.int().describe("Bytes of the blobs that another repository also has."),
  unique_bytes: z.int(),
});
export const repositoryUsageSchema = storageUsageSchema.extend({ name: z.string() });
export type RepositoryUsageAnswer = z.output<typeof repositoryUsageSchema>;
export const namespaceUsageSchema = storageUsageSchema.extend({
  namespace: z.string(),
  repository_count: z.int(),
});
export type NamespaceUsageAnswer = z.output<typeof namespaceUsageSchema>;
