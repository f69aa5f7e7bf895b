import { count, many, size } from "../format.ts";

/* Sentences of the pages of mirrors. A second language is a second folder. */

export const mirrors = {
  title: "Mirrors",
  intro:
    "A mirror copies images of another registry when they are pulled. Pulls of copied images continue while the upstream is down or limits them.",
  none: "No mirror is configured.",
  noneHint: "Add one to the configuration and restart, for example for Docker Hub:",
  example: `mirrors:
  - namespace: docker.io
    upstream: https://registry-1.docker.io
    visibility: public
    root: true
    cacheSize: 50GiB`,
  states: {
    ok: "answers",
    limited: "limits requests",
    failing: "does not answer; cached copies are served",
  },
  until: "until",
  since: "since",
  remaining: (left: number, all: number) => `${count(left)} of ${many(all, "pull", "pulls")} left`,
  hits: "Served from here",
  rate: (hits: number, misses: number) =>
    hits + misses === 0 ? "–" : `${((100 * hits) / (hits + misses)).toFixed(1)} %`,
  saved: "Bytes saved",
  cache: "Cache",
  ofLimit: (bytes: number, limit: number | null) =>
    limit === null ? size(bytes) : `${size(bytes)} of ${size(limit)}`,
  numbers: "Figures",
  served: "Sent to clients",
  fetched: "Fetched from the upstream",
  requests: "Requests to the upstream",
  failures: "Failed",
  limited: "Answered 429",
  stale: "Old tags served while the upstream failed",
  evicted: "Evicted",
  blobs: (n: number, bytes: number) => `${many(n, "blob", "blobs")}, ${size(bytes)}`,
  next: "Evicted next",
  nextNone: "Nothing: the cache has space left.",
  pins: "Pinned images",
  pinsNone: "No image is pinned. A pinned image is never evicted.",
  pin: "Pin",
  unpin: "Unpin",
  image: "Image",
  imageHint: "library/alpine:3.20",
  warm: "Copy now",
  purge: "Forget…",
  purgeTitle: (image: string) => `Forget the copy of ${image}?`,
  purgeHint:
    "The next pull fetches it from the upstream again. While the upstream is down it is missing.",
  purgeNow: "Forget copy",
  actions: "Images",
  started: "Started.",
  schedules: "Schedules",
  schedulesNone: "No schedule is configured.",
  last: "last run",
  nextRun: "next",
  byHand: "by hand",
  run: "Run now",
  dryRun: "Dry run",
  jobStates: { running: "running", done: "done", failed: "failed", canceled: "canceled" },
  repositories: "Cached repositories",
  allRepositories: "Show the cached repositories",
  clients: "Client settings",
  clientNames: {
    dockerd: "dockerd",
    containerd: "containerd",
    podman: "podman, CRI-O",
    prefix: "any client",
  },
};
