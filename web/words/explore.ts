import { count } from "../format.ts";

/* Sentences of the start page and of the search. A second language is a second folder. */

export const home = {
  title: "Repositories",
  intro: "Images for Linux and Windows, under one tag.",
  recent: "Recently pushed",
  popular: "Most pulled",
  yours: "Your namespaces",
  invites: "Invites",
  starred: "Starred",
  all: "All repositories",
  none: "No repositories yet.",
  noneSignedOut: "There is no public repository yet. Sign in to see yours.",
  roles: { owner: "Owner", editor: "Editor", member: "Member" } as Record<string, string>,
  firstSteps: "Push the first image",
};

export const explore = {
  title: (n: number, text: string) =>
    `${n >= 10_000 ? "10,000+" : count(n)} ${n === 1 ? "repository" : "repositories"}${text === "" ? "" : ` for “${text}”`}`,
  searching: "Search",
  filters: "Filters",
  filtersLabel: "Narrow down",
  clear: "Clear",
  done: "Show results",
  sort: "Sort",
  sorts: {
    suggested: "Best match",
    pull_count: "Most pulled",
    star_count: "Most starred",
    updated_at: "Last pushed",
  },
  os: "Platforms",
  build: "Windows build",
  server: (release: string) => `Server ${release}`,
  architecture: "Architecture",
  type: "Type",
  types: {
    image: "Image",
    helm: "Helm chart",
    wasm: "WebAssembly",
    compose: "Compose",
    model: "Model",
    plugin: "Plugin",
    unrecognized: "Other artifact",
  },
  where: "Where",
  hosted: "Hosted here",
  mirrored: "Mirrored",
  official: "Official",
  namespace: (name: string) => `Namespace ${name}`,
  none: "Nothing matches.",
  noneYet: "No repositories yet.",
  noneAt: (text: string) => `No repository matches “${text}”.`,
  without: (filter: string) => `Search without ${filter}`,
  pulls: "pulls",
  stars: "stars",
  foundIn: { description: "Found in the description.", readme: "Found in the README." },
};
