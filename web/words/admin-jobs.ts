import { count, many, size } from "../format.ts";

/* Sentences about maintenance, on the pages of administration. A second language is a second folder. */

export const collection = {
  title: "Garbage collection",
  interval: "Every",
  off: "never by itself",
  untagged: "Manifests without a tag",
  untaggedYes: "are deleted",
  untaggedNo: "stay",
  grace: "Protected after a push for",
  delay: "Bytes are deleted after",
  last: "Last",
  next: "Next",
  waiting: "Waits for deletion",
  candidates: "Waits for a check",
  candidatesOf: (blobs: number, manifests: number) =>
    `${many(blobs, "blob", "blobs")} and ${many(manifests, "manifest", "manifests")}`,
  dryRun: "Dry run",
  run: "Collect now",
  runTitle: "Collect garbage now?",
  runHint:
    "Deletes manifests and blobs that nothing uses. A dry run lists them before. Requests go on meanwhile.",
  now: "Delete the bytes at once, without the delay. A pull that runs can fail.",
  scrub: "Scrub",
  scrubHint: "Reads every blob again, and marks those with wrong bytes.",
  speed: "Speed",
  perSecond: (bytes: number) => (bytes === 0 ? "no limit" : `${size(bytes)} per second`),
  startScrub: "Scrub now",
  startScrubTitle: "Read all blobs now?",
  startScrubHint: "It reads every stored byte with the speed above. Requests go on meanwhile.",
};

const names: Readonly<Record<string, string>> = {
  tags: "Tags",
  manifests: "Manifests",
  links: "Blobs of repositories",
  repositories: "Empty repositories",
  blobs: "Blobs",
  orphans: "Files without a blob",
  bytes: "Bytes",
  failed: "Failed",
  waiting: "Blobs that wait",
  waitingBytes: "Bytes that wait",
  lost: "Blobs without bytes",
  restored: "Right again",
  quarantined: "Wrong bytes",
  unreadable: "Unreadable",
};

export const jobs = {
  title: "Jobs",
  job: "Job",
  kinds: {
    backup: "Backup",
    collection: "Collection",
    scrub: "Scrub",
    retention: "Retention",
    warm: "Copy of an image",
    sync: "Schedule",
  },
  kind: "Kind",
  anyKind: "All kinds",
  dryRun: "dry run",
  states: { running: "running", done: "done", failed: "failed", canceled: "canceled" },
  none: "No job in the last 30 days.",
  timer: "the server",
  cancel: "Cancel job",
  cancelTitle: "Cancel this job?",
  cancelHint: "It ends at its next step. What it has done stays.",
  countName: (key: string) => names[key] ?? key,
  countValue: (key: string, value: number) =>
    key.toLowerCase().endsWith("bytes") ? size(value) : count(value),
  findings: "What it found",
  wouldDelete: "What would be deleted",
  deleted: "What was deleted",
  nothing: "Nothing.",
  runs: "The list appears when the job has ended.",
  findingKinds: {
    tag: "Tag",
    manifest: "Manifest",
    link: "Blob of a repository",
    repository: "Empty repository",
    bytes: "Bytes of a blob",
    orphan: "File without a blob",
    failed: "Failed",
    absent: "Blob without bytes",
    damaged: "Blob with wrong bytes",
    unreadable: "Unreadable blob",
  } as Readonly<Record<string, string>>,
  findingColumns: { kind: "Kind", subject: "Of", digest: "Digest", size: "Size" },
};

export const uploads = {
  title: "Open uploads",
  columns: { repository: "Repository", size: "Received", started: "Started", touched: "Last data" },
  none: "No upload is open.",
  first: "The first 100, the longest idle first.",
  end: "Delete",
  endOf: (repository: string) => `Delete the upload to ${repository}`,
  endTitle: (repository: string) => `Delete the upload to ${repository}?`,
  endHint: (bytes: string) =>
    `The received ${bytes} are deleted. A client that still sends them gets an error, and starts again.`,
};
