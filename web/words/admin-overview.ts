import { count, many, size } from "../format.ts";

/* Sentences of the overview of administration. A second language is a second folder. */

export const overview = {
  ready: "Ready",
  notReady: "Not ready",
  warnings: "Warnings",
  noWarnings: "Nothing needs attention.",
  server: "Server",
  version: "Berth",
  node: "Node.js",
  database: "Database",
  databases: { sqlite: "SQLite", postgres: "PostgreSQL" },
  storage: "Blob storage",
  storages: { filesystem: "File system", memory: "Memory", s3: "S3" },
  workers: "Worker processes",
  replicas: "Servers on this database",
  seen: (seconds: number) => `seen ${seconds} s ago`,
  content: "Storage",
  disk: "Disk of the data folder",
  free: (free: number, total: number) => `${size(free)} free of ${size(total)}`,
  blobs: "Blobs",
  sum: (blobs: number, bytes: number) => `${many(blobs, "blob", "blobs")}, ${size(bytes)}`,
  largest: "Largest repositories",
  largestHint: "Bytes that no other repository has, untagged images included.",
  noLargest: "No repository has bytes of its own.",
  pullsToday: "Pulls today (UTC)",
  pullsYesterday: "Pulls yesterday",
  pushes: "Pushed tags in 24 hours",
  pushesAtMost: (n: number) => (n >= 10_000 ? "10,000 or more" : count(n)),
  maintenance: "Maintenance",
  lastCollection: "Last collection",
  nextCollection: "Next collection",
  nextFrees: "Freed by then",
  nextFreesOf: (bytes: number, blobs: number) =>
    blobs === 0
      ? "Nothing that waits now: no delay ends before it."
      : `${size(bytes)}: the delay of ${many(blobs, "blob", "blobs")} ends before it.`,
  waiting: "Waits for deletion",
  waitingHint: "Deleted after gc.deleteDelay; no client sees these blobs.",
  unreferenced: "Without a manifest",
  unreferencedHint:
    "A collection removes these blobs after their lease and gc.grace, unless a manifest names them by then.",
  more: "or more",
  lastDryRun: "Last dry run",
  dryRunFound: (bytes: number, waiting: number) =>
    bytes + waiting === 0
      ? "It would have freed no bytes yet."
      : `It would have freed ${size(bytes)} then${waiting === 0 ? "." : `, and ${size(waiting)} after the delay.`}`,
  lastScrub: "Last scrub",
  nextScrub: "Next scrub",
  never: "never",
  notPlanned: "not planned",
  show: "Show",
  jobs: "Last jobs",
  allJobs: "All jobs",
  noJobs: "No job in the last 30 days.",
};
