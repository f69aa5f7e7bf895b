import { count, many, size } from "../format.ts";

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

export const activity = {
  title: "Activity",
  pulls: (n: number, period: string) => `${many(n, "pull", "pulls")} in ${period}`,
  marks: "A dotted line marks a day on which tags were last pushed.",
  period: "Period",
  periods: { "30": "30 days", "90": "90 days", "365": "365 days" },
  pushedTags: "Days with pushed tags, as a table",
  day: "Day (UTC)",
  pullsOfDay: "Pulls",
  tagsOfDay: "Last pushed tags",
  moreTags: (n: number) => `and ${count(n)} more`,
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
    "repo.retention.set": "changed the retention rules",
    "repo.retention.remove": "removed the retention rules",
    "repo.retention.run": "started retention",
    "repo.tag.push": "pushed",
    "repo.tag.rollback": "rolled back",
    "repo.tag.delete": "deleted",
    "repo.manifest.delete": "deleted the manifest",
    "repo.blob.delete": "deleted the blob",
    "repo.collaborator": "changed a permission",
  } as Record<string, string>,
};
