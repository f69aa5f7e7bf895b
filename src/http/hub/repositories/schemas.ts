import * as z from "zod";
import type { ListedRepository, RepositoryWithPermissions } from "../../../catalog/repositories.ts";
import { namespaceOf } from "../../../oci/name.ts";
import { time, timeOf } from "../times.ts";

const contentType = z.enum(["image", "plugin", "helm", "wasm", "compose", "model", "unrecognized"]);

export const listedRepositorySchema = z.object({
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

export const repositoryInfoSchema = listedRepositorySchema.extend({
  collaborator_count: z.number().int(),
  hub_user: z.string(),
  has_starred: z.boolean(),
  full_description: z.string(),
  permissions: z.object({ read: z.boolean(), write: z.boolean(), admin: z.boolean() }),
  immutable_tags_settings: z.object({ enabled: z.boolean(), rules: z.array(z.string()) }),
  source: z.string().nullable(),
});

/** @param canEdit known only for a single repository; lists show `false` */
export function presentListedRepository(
  repository: ListedRepository,
  canEdit = false,
): z.infer<typeof listedRepositorySchema> {
  const namespace = namespaceOf(repository.name);
  return {
    name: repository.name.slice(namespace.length + 1),
    namespace,
    repository_type: repository.contentTypes.includes("plugin") ? "plugin" : "image",
    status: 1,
    status_description: "active",
    description: repository.shortText,
    is_private: repository.visibility === "private",
    star_count: repository.stars,
    pull_count: repository.pulls,
    last_updated: timeOf(repository.updatedAtMs),
    last_modified: timeOf(repository.updatedAtMs),
    date_registered: timeOf(repository.createdAtMs),
    affiliation: "",
    media_types: [...repository.mediaTypes],
    content_types: [...repository.contentTypes],
    categories: [],
    storage_size: repository.sizeBytes,
    user: namespace,
    is_automated: false,
    is_migrated: false,
    can_edit: canEdit,
  };
}

export function presentRepositoryInfo(
  repository: RepositoryWithPermissions,
): z.infer<typeof repositoryInfoSchema> {
  const { permissions, immutableTags } = repository;
  return {
    ...presentListedRepository(repository, permissions.admin),
    collaborator_count: repository.collaborators,
    hub_user: namespaceOf(repository.name),
    has_starred: repository.isStarred,
    full_description: repository.fullText,
    permissions: { ...permissions },
    immutable_tags_settings: { enabled: immutableTags !== null, rules: [...(immutableTags ?? [])] },
    source: null,
  };
}
