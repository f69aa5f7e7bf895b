import { count, many, size } from "../format.ts";

/* Sentences of the deletion of tags. A second language is a second folder. */

const tooMuch = "What it frees is too much to add up here.";
const users =
  "other tags or repositories use the layers, or the collector keeps images without a tag (gc.deleteUntagged)";

export const deleteTags = {
  title: (n: number | undefined) =>
    n === undefined ? "Delete tags?" : `Delete ${many(n, "tag", "tags")}?`,
  now: (n: number) => `Delete ${many(n, "tag", "tags")}`,
  frees: (bytes: number | null) =>
    bytes === null
      ? tooMuch
      : bytes === 0
        ? `It frees no space: ${users}.`
        : `It frees ${size(bytes)}, after the collector ran.`,
  freesFirst: (n: number, bytes: number | null) =>
    bytes === null
      ? tooMuch
      : bytes === 0
        ? `The oldest ${count(n)} of them alone free no space: ${users}.`
        : `The oldest ${count(n)} of them free ${size(bytes)}, after the collector ran. All together free at least that.`,
  steps: (n: number, all: number) =>
    `One deletion takes ${count(n)} tags: these are deleted in ${count(Math.ceil(all / n))} steps, the oldest first. You can stop between two steps.`,
  keeps: (n: number) => `${many(n, "tag is immutable and stays", "tags are immutable and stay")}.`,
  nothing: "No tag can be deleted.",
  deleted: (n: number) => `${many(n, "tag was", "tags were")} deleted.`,
  stopped: (n: number, left: number) =>
    `Stopped: ${many(n, "tag was", "tags were")} deleted, ${count(left)} left.`,
  progress: (n: number, all: number) => `${count(n)} of ${many(all, "tag", "tags")} deleted`,
  stop: "Stop",
  stopping: "Stops after this step …",
  computing: "Computing what this frees …",
};
