import { many, size } from "../format.ts";

/* Sentences of the pages of a repository that are loaded later. A second language is a second folder. */

export const compare = {
  title: "Compare",
  from: "From",
  to: "To",
  swap: "Swap",
  show: "Compare",
  choose: "Choose two tags, or paste digests.",
  platform: "Platform",
  summary: (from: string, to: string, bytes: number) =>
    `A client that has ${from} downloads ${size(bytes)} for ${to}.`,
  same: (from: string, to: string) => `${from} and ${to} are the same image.`,
  change: (bytes: number) =>
    bytes === 0
      ? "Both images have the same size."
      : `The image is ${size(Math.abs(bytes))} ${bytes > 0 ? "larger" : "smaller"}.`,
  layers: "Layers",
  layerCounts: (shared: number, added: number, removed: number) =>
    `${many(shared, "layer is", "layers are")} shared, ${added} added, ${removed} removed`,
  shared: "shared",
  only: (name: string) => `only in ${name}`,
  configuration: "Configuration",
  noChange: "No setting differs.",
  columns: { field: "Field", from: "Before", to: "After" },
  more: (n: number) => `${many(n, "more change", "more changes")} not shown.`,
  markdown: "Copy as Markdown",
};

export const digest = {
  label: "Digest",
  facts: "Facts",
  size: "Size of the manifest",
  pushed: "Pushed",
  subject: "Refers to",
};

export const settings = {
  title: "Settings",
  description: "Description",
  descriptionHint: "One line, at most 100 bytes. The search finds it.",
  readme: "README",
  readmeHint: "Markdown, at most 25,000 characters.",
  write: "Text",
  preview: "Preview",
  visibility: "Visibility",
  private: "Private: people and teams with a permission",
  public: "Public: everybody who reaches this registry may pull",
  publish: (name: string) => `Make ${name} public?`,
  publishHint: "Everybody who reaches this registry may pull it, also without signing in.",
  publishNow: "Make public",
  hide: (name: string) => `Make ${name} private?`,
  hideHint: "Only people and teams with a permission may pull it. Pulls without a login fail.",
  hideNow: "Make private",
  immutable: "Immutable tags",
  immutableHint: "An immutable tag can neither be moved nor deleted.",
  rules: {
    none: "No tag",
    all: "All tags",
    versions: "Versions, such as 2.8.1",
    own: "Tags that match",
  },
  rulesHint: "RE2 expressions, one per line. Each matches the whole tag.",
  matches: (tags: readonly string[], all: number) =>
    tags.length === 0
      ? `It matches none of ${many(all, "tag", "tags")}.`
      : `It matches ${tags.length} of ${many(all, "tag", "tags")}: ${tags.slice(0, 6).join(", ")}${tags.length > 6 ? ", …" : ""}`,
  delete: "Delete the repository",
  deleteHint: (tags: number, pulls: number) =>
    `It has ${many(tags, "tag", "tags")} and was pulled ${many(pulls, "time", "times")}.`,
  frees: (bytes: number) =>
    `Deleting frees ${size(bytes)}, after the collector ran. Blobs that other repositories use stay.`,
  deleteOpen: "Delete repository…",
  deleteTitle: (name: string) => `Delete ${name} with all its tags?`,
  deleteFinal: "This cannot be undone.",
  deleteNow: "Delete repository",
  mirrored:
    "This repository is the copy of another registry: its settings are those of its mirror.",
};

export const access = {
  title: "Access",
  who: "Who",
  level: "Permission",
  because: "Because",
  levels: { none: "none", read: "Read", write: "Write", admin: "Admin" } as Record<string, string>,
  reason: {
    admin: "administrator of the registry",
    owner: "owner of the namespace",
    own: "permission of their own",
    public: "the repository is public",
  } as Record<string, string>,
  team: (name: string) => `member of ${name}`,
  search: "Search people",
  none: "No user matches.",
  remove: "Remove",
  removeTitle: (name: string) => `Remove the permission of ${name}?`,
  removeHint: "It ends at once, also for tokens that were issued before.",
  removeOwn: "You remove your own permission, and may not be able to give it back.",
  teams: "Teams",
  addTeam: "Add team",
  addPerson: "Add person",
  user: "User name",
  teamName: "Team",
  noTeams: "No team has a permission.",
  everybody: "Everybody may pull: the repository is public.",
  why: "Why may …?",
  whyHint: "A user name: the answer says what the user may do here, and why.",
  ask: "Ask",
  answer: (name: string, level: string, reasons: string) =>
    level === "none" ? `${name} may do nothing here.` : `${name}: ${level} (${reasons}).`,
  disabled: "disabled",
};

export const activity = {
  title: "Activity",
  none: "Nothing has happened yet.",
  person: "Person",
  kind: "Action",
  all: "All actions",
  from: "from",
  anonymous: "an anonymous client",
  earlier: "Earlier",
  groups: {
    "repo.tag": "Tags",
    "repo.tag.push": "Pushes",
    "repo.tag.delete": "Deleted tags",
    "repo.manifest.delete": "Deleted manifests",
    "repo.collaborator": "Permissions",
    "repo.change_privacy": "Visibility",
  },
  actions: {
    "repo.create": "created the repository",
    "repo.update": "changed the description",
    "repo.delete": "deleted the repository",
    "repo.change_privacy": "changed the visibility",
    "repo.immutable.tags.updated": "changed the immutable tags",
    "repo.tag.push": "pushed",
    "repo.tag.rollback": "rolled back",
    "repo.tag.delete": "deleted",
    "repo.manifest.delete": "deleted the manifest",
    "repo.blob.delete": "deleted the blob",
    "repo.collaborator": "changed a permission",
  } as Record<string, string>,
};
