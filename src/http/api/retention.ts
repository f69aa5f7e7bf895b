import type * as z from "zod";
import { timeOrNull } from "../../api/fields.ts";
import { jobSchema } from "../../api/jobs.ts";
import {
  planRetentionBody,
  retentionPlanSchema,
  retentionSchema,
  runRetentionBody,
  setRetentionBody,
  type RetentionAnswer,
  type RetentionPlanAnswer,
} from "../../api/retention.ts";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { Retention } from "../../maintenance/retention/retention.ts";
import { parseNamespace, type RepositoryName } from "../../oci/name.ts";
import { HubError } from "../hub/errors.ts";
import { route, type HubRequest, type Route } from "../route.ts";
import type { Administration } from "./admin/administration.ts";
import { presentJob, presentWithFindings } from "./admin/jobs.ts";
import { root } from "./repositories.ts";
import { policyOf, presentPlan, presentPolicy } from "./retention-presenters.ts";

interface Parts {
  readonly retention: Retention;
  readonly administration: Pick<Administration, "jobs">;
  readonly policy: HubPolicy;
}

const ofRepository = { of: "repository", permission: "set retention" } as const;
const ofNamespace = { of: "whole-namespace" } as const;
const repositoryPath = `${root}/repositories/*repository/-/retention`;
const namespacePath = `${root}/namespaces/:namespace/retention`;

/** Routes of the retention policies of repositories and namespaces: the policy, its plan, and its runs. */
export function retentionRoutes(parts: Parts): readonly Route[] {
  const repositoryOf = ({ repository }: HubRequest): string => repository;
  const namespaceOf = ({ namespace }: HubRequest): string => parseNamespace(namespace);
  return [
    route({
      method: "post",
      path: `${repositoryPath}/plan`,
      requires: ofRepository,
      summary: "What the policy, or the rules of the body, delete in the repository now",
      body: planRetentionBody,
      answer: retentionPlanSchema,
      changesContent: false,
      handle: (request) => plan(parts, request),
    }),
    ...policyRoutes(parts, repositoryPath, ofRepository, repositoryOf),
    ...policyRoutes(parts, namespacePath, ofNamespace, namespaceOf),
  ];
}

/** The routes that a repository and a namespace have in common. */
function policyRoutes(
  { retention, administration }: Parts,
  path: string,
  requires: typeof ofRepository | typeof ofNamespace,
  scopeOf: (request: HubRequest) => string,
): readonly Route[] {
  const { jobs } = administration;
  const show = async (scope: string): Promise<RetentionAnswer> => {
    const isRepository = scope.includes("/");
    const found = isRepository
      ? await retention.effective(scope as RepositoryName)
      : await retention.find(scope);
    const last = await jobs.lastEnded("retention", { subject: scope });
    return {
      ...presentPolicy(found),
      next_at: timeOrNull(await jobs.nextAtMs("retention")),
      last: last === undefined ? null : presentJob(last),
    };
  };
  return [
    route({
      method: "get",
      path,
      requires,
      summary: "The retention policy that applies, with its last and next run",
      answer: retentionSchema,
      handle: (request) => show(scopeOf(request)),
    }),
    route({
      method: "put",
      ...{ path, requires, changesContent: true },
      summary: "Sets the retention policy",
      body: setRetentionBody,
      answer: retentionSchema,
      handle: async (request) => {
        const scope = scopeOf(request);
        await retention.set(request.actor, scope, policyOf(request.body));
        return show(scope);
      },
    }),
    route({
      method: "delete",
      ...{ path, requires, changesContent: true },
      summary: "Removes the retention policy; for a repository that of its namespace applies",
      status: 204,
      handle: async (request) => {
        const scope = scopeOf(request);
        if (!(await retention.remove(request.actor, scope)))
          throw new HubError(404, `${scope} does not have its own retention policy`);
      },
    }),
    route({
      method: "post",
      path: `${path}/runs`,
      ...{ requires, changesContent: true },
      summary: "Deletes what the policy does not keep, or lists it (dry_run), as a job",
      body: runRetentionBody,
      answer: jobSchema,
      status: 202,
      handle: async (request) => {
        const scope = scopeOf(request);
        const task = retention.job(scope, request.body.dry_run);
        const { id } = await jobs.start(request.actor, task);
        request.ctx.set("Location", `${request.ctx.path}/${id}`);
        return findRun(jobs, scope, id);
      },
    }),
    route({
      method: "get",
      path: `${path}/runs/:id`,
      requires,
      summary: "A run with its progress and the first 1000 tags and manifests",
      answer: jobSchema,
      handle: (request) => findRun(jobs, scopeOf(request), request.params["id"] ?? ""),
    }),
  ];
}

async function findRun(jobs: Administration["jobs"], scope: string, id: string) {
  const found = await jobs.find(id);
  if (found?.kind !== "retention" || found.subject !== scope)
    throw new HubError(404, `${scope} has no retention run ${id}`);
  return presentWithFindings(found);
}

async function plan(
  { retention, policy: hubPolicy }: Parts,
  { session, repository, body, work }: HubRequest<unknown, z.output<typeof planRetentionBody>>,
): Promise<RetentionPlanAnswer> {
  const { rules, delete_untagged_after } = body;
  const policy =
    rules === undefined
      ? ((await retention.effective(repository)) ?? { rules: [], untaggedDays: null })
      : policyOf({ rules, delete_untagged_after });
  const visibility = hubPolicy.visibilityFor(session);
  return presentPlan(await retention.plan(repository, policy, visibility, work));
}
