import { setTimeout as pause } from "node:timers/promises";
import { jobSchema, type JobAnswer } from "../../api/jobs.ts";
import type { Remote } from "./remote.ts";

/** The first questions come soon, because most jobs are short. */
const firstWaitMs = 100;
const longestWaitMs = 2_000;

/**
 * Waits until a job of a running server has ended.
 * @param path where jobs of this kind are; default: where administrators see all jobs
 */
export async function untilEnded(
  remote: Remote,
  started: JobAnswer,
  path = "/admin/jobs",
): Promise<JobAnswer> {
  let job = started;
  for (let waitMs = firstWaitMs; job.state === "running"; waitMs *= 2) {
    await pause(Math.min(longestWaitMs, waitMs));
    job = await remote.get(jobSchema, `${path}/${job.id}`);
  }
  return job;
}
