import type { Context } from "koa";
import type * as z from "zod";
import { pageSchema, timeOf, timeOrNull } from "../../../api/fields.ts";
import {
  type FindingAnswer,
  jobItemSchema,
  jobListQuery,
  jobSchema,
  type JobAnswer,
  type JobItemAnswer,
} from "../../../api/jobs.ts";
import type { JobTask } from "../../../coordination/job-run.ts";
import type { Job, JobWithFindings } from "../../../database/maintenance/job-reads.ts";
import type { Actor } from "../../../database/permissions/authority.ts";
import { HubError } from "../../hub/errors.ts";
import type { Pager } from "../../hub/pages.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import { root } from "../repositories.ts";
import type { Administration } from "./administration.ts";

interface Parts {
  readonly administration: Pick<Administration, "jobs">;
  readonly pager: Pager;
}

const requires = { of: "administrator" } as const;
const path = `${root}/admin/jobs`;

/** Routes of jobs: their progress, and their end before time. */
export function jobRoutes(parts: Parts): readonly Route[] {
  const { jobs } = parts.administration;
  return [
    route({
      method: "get",
      path,
      requires,
      summary: "The jobs of the last 30 days, the newest first",
      query: jobListQuery,
      answer: pageSchema(jobItemSchema),
      handle: (request) => list(parts, request),
    }),
    route({
      method: "get",
      path: `${path}/:id`,
      requires,
      summary: "A job with its progress and its findings",
      answer: jobSchema,
      handle: ({ params }) => findJob(jobs, params["id"] ?? ""),
    }),
    route({
      method: "delete",
      path: `${path}/:id`,
      requires,
      summary: "Cancels a job; it ends at its next step",
      status: 204,
      handle: async ({ actor, params }) => {
        const id = params["id"] ?? "";
        if (!(await jobs.cancel(actor, id))) throw new HubError(404, `no job ${id} is running`);
      },
    }),
  ];
}

async function list(
  { administration: { jobs }, pager }: Parts,
  { ctx, query }: HubRequest<z.output<typeof jobListQuery>>,
) {
  const { page, page_size: limit, kind } = query;
  const { count, items } = await jobs.list({ kind, skip: (page - 1) * limit, limit });
  return pager.numbered(ctx, query, count, items.map(presentJob));
}

async function findJob(jobs: Administration["jobs"], id: string): Promise<JobAnswer> {
  const found = await jobs.find(id);
  if (found === undefined) throw new HubError(404, `there is no job ${id}`);
  return presentWithFindings(found);
}

/** Starts a job for a client. The answer is the job, with its address in `Location`. */
export async function startJob(
  { jobs }: Pick<Administration, "jobs">,
  { ctx, actor }: { readonly ctx: Context; readonly actor: Actor },
  task: JobTask,
): Promise<JobAnswer> {
  const { id } = await jobs.start(actor, task);
  ctx.set("Location", `${path}/${id}`);
  return findJob(jobs, id);
}

export const presentJob = (job: Job): JobItemAnswer => ({
  id: job.id,
  kind: job.kind,
  subject: job.subject,
  dry_run: job.isDryRun,
  actor: job.actor,
  state: job.state,
  started_at: timeOf(job.startedAtMs),
  ended_at: timeOrNull(job.endedAtMs),
  counts: { ...job.counts },
  reason: job.reason,
});

export const presentWithFindings = (job: JobWithFindings): JobAnswer => ({
  ...presentJob(job),
  findings: job.findings.map(presentFinding),
});

function presentFinding(finding: object): FindingAnswer {
  const empty = { kind: "", subject: null, digest: null, size: null, message: null };
  return { ...empty, ...finding };
}
