import type * as z from "zod";
import { timeOf } from "../../../api/fields.ts";
import type { hubRepositoryItemSchema, hubRepositorySchema } from "../../../api/repositories.ts";
import type { ListedRepository, RepositoryWithPermissions } from "../../../catalog/repositories.ts";
import { namespaceOf } from "../../../oci/name.ts";

/** @param canEdit known only for a single repository; lists show `false` */
export function presentHubRepositoryItem(
  repository: ListedRepository,
  canEdit = false,
): z.input<typeof hubRepositoryItemSchema> {
  const namespace = namespaceOf(repository.name);
  return {
    name: repository.name.slice(namespace.length + 1),
    namespace,
    repository_type: repository.contentTypes.includes("plugin") ? "plugin" : "image",
    status: 1,
    status_description: "active",
    description: repository.shortText,
    is_private: repository.visibility === "private",
    star_count: repository.starCount,
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

export function presentHubRepository(
  repository: RepositoryWithPermissions,
): z.input<typeof hubRepositorySchema> {
  const { permissions, immutableTags } = repository;
  return {
    ...presentHubRepositoryItem(repository, permissions.admin),
    collaborator_count: repository.collaborators,
    hub_user: namespaceOf(repository.name),
    has_starred: repository.isStarred,
    full_description: repository.fullText,
    permissions: { ...permissions },
    immutable_tags_settings: { enabled: immutableTags !== null, rules: [...(immutableTags ?? [])] },
    source: null,
  };
}
