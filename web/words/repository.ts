import { count, many, size } from "../format.ts";

/* Sentences of the pages of a repository. A second language is a second folder. */

export const repository = {
  tabs: {
    overview: "Overview",
    tags: "Tags",
    activity: "Activity",
    access: "Access",
    settings: "Settings",
  },
  label: "Repository",
  star: "Star",
  compare: "Compare tags",
  newest: "Newest tags",
  allTags: (n: number) => (n === 1 ? "All tags" : `All ${count(n)} tags`),
  difference: (from: string, to: string) => `What changed between ${from} and ${to}?`,
  also: (tags: string) => `also ${tags}`,
  by: (name: string) => `by ${name}`,
  columns: {
    tag: "Tag",
    platforms: "Platforms",
    size: "Size",
    pushed: "Pushed",
    pulls: "Pulls",
    copy: "Copy",
  },
  readme: "README",
  edit: "Edit",
  write: "Write a README",
  preview: "Preview",
  text: "Text",
  about: "About this repository",
  pulls30: "Pulls in 30 days",
  pullsAll: "Pulls",
  size: "Size",
  shared: (bytes: number) => `${size(bytes)} shared`,
  unique: (bytes: number) => `${size(bytes)} only here`,
  platforms: "Platforms",
  lastPush: "Last push",
  lastPull: "Last pull",
  never: "never",
  created: "Created",
  source: "Source",
  licence: "Licence",
  immutable: (rules: readonly string[]) =>
    rules.length === 0
      ? "All tags are immutable"
      : `${rules.join(", ")} ${rules.length === 1 ? "is" : "are"} immutable`,
  noTags: "No tags yet. Push the first image:",
  noReadme: "A README tells people what the image is, how to run it, and which tag to take.",
};

export const tags = {
  filter: "Filter tags",
  order: "Order",
  orders: {
    "-updated": "Newest first",
    updated: "Oldest first",
    "-natural": "Version, highest first",
    natural: "Version, lowest first",
    "-size": "Largest first",
    "-pulls": "Most pulled",
  },
  platform: "Platform",
  anyPlatform: "All platforms",
  unused: "Last pull",
  anyUse: "Pulled or not",
  unusedFor: {
    "30": "Not pulled for 30 days",
    "90": "Not pulled for 90 days",
    "365": "Not pulled for a year",
  },
  found: (n: number, all: number) =>
    n === all ? many(all, "tag", "tags") : `${count(n)} of ${many(all, "tag", "tags")}`,
  select: (tag: string) => `Select ${tag}`,
  selectPage: "Select all tags on this page",
  chosen: (n: number) => `${count(n)} selected`,
  selectAll: (n: number) => `Select all ${count(n)} that match`,
  clear: "Clear",
  delete: "Delete…",
  none: "No tag matches.",
  empty: "No tags yet. Push the first image:",
  jump: "Position in the list",
};
