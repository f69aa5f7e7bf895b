import { many, size } from "../format.ts";

/* Sentences of the settings of a repository. A second language is a second folder. */

export const settings = {
  title: "Settings",
  description: "Description",
  descriptionHint: "One line, at most 100 bytes. The search finds it.",
  readme: "README",
  readmeHint: "Markdown, at most 25,000 characters.",
  write: "Text",
  preview: "Preview",
  noPreview: "The preview appears here while you write.",
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
  deleted: (name: string) => `${name} is deleted.`,
  mirrored:
    "This repository is the copy of another registry: its settings are those of its mirror.",
};
