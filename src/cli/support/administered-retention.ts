import { jobSchema } from "../../api/jobs.ts";
import {
  retentionPlanSchema,
  retentionSchema,
  type RetentionBody,
  type RetentionPlanAnswer,
} from "../../api/retention.ts";
import type { AppContext } from "../../app/context.ts";
import { parseRepositoryName, type RepositoryName } from "../../oci/name.ts";
import { onFolderOrServer } from "./data-folder.ts";
import { CliError } from "./failure.ts";
import { untilEnded } from "./jobs.ts";
import type { ServerOptions } from "./options.ts";
import type { Say } from "./output.ts";
import type { Remote } from "./remote.ts";

/* What `berth retention` does, on a data folder or on a running server. */

interface RetentionFinding {
  readonly kind: string;
  readonly subject?: string | null | undefined;
  readonly digest?: string | null | undefined;
  readonly message?: string | null | undefined;
}

export interface RetentionResult {
  readonly findings: AsyncIterable<RetentionFinding>;
  /** After the last finding. */
  counts(): { readonly tags: number; readonly manifests: number; readonly failed: number };
}

interface AdministeredRetention {
  /** The policy that applies, and whose it is. */
  show(scope: string): Promise<RetentionBody & { readonly scope: string | null }>;
  set(scope: string, policy: RetentionBody): Promise<void>;
  /** False: the scope has no policy of its own. */
  remove(scope: string): Promise<boolean>;
  plan(repository: string): Promise<RetentionPlanAnswer>;
  /** @param scope empty: all repositories with a policy */
  run(scope: string, isDryRun: boolean): Promise<RetentionResult>;
}

export function withRetention(
  options: ServerOptions,
  work: (retention: AdministeredRetention, say: Say) => Promise<void> | void,
): Promise<void> {
  return onFolderOrServer(options, {
    folder: async (context, say) => work(await localRetention(context), say),
    server: async (remote) => work(remoteRetention(remote), remote.say),
  });
}

/** The name of a repository, or a namespace, as the database has it. */
const scopeOf = (text: string): string =>
  text === "" || text.includes("/") ? text && parseRepositoryName(text) : parseNamespace(text);
const parseNamespace = (text: string): string => parseRepositoryName(`${text}/any`).slice(0, -4);

async function localRetention(context: AppContext): Promise<AdministeredRetention> {
  const [retention, presenters, { createYieldingWork }, { countStep, findingsOf }] =
    await Promise.all([
      context.retention(),
      import("../../http/api/retention-presenters.ts"),
      import("../../concurrency/yielding-work.ts"),
      import("../../maintenance/retention/retention.ts"),
    ]);
  const { actor } = context;
  const effective = (scope: string) =>
    scope.includes("/")
      ? retention.effective(scope as RepositoryName)
      : retention.find(scopeOf(scope));
  return {
    show: async (scope) => presenters.presentPolicy(await effective(scope)),
    set: (scope, policy) => retention.set(actor, scopeOf(scope), presenters.policyOf(policy)),
    remove: (scope) => retention.remove(actor, scopeOf(scope)),
    async plan(text) {
      const repository = parseRepositoryName(text);
      const policy = (await effective(repository)) ?? { rules: [], untaggedDays: null };
      const work = createYieldingWork(() => false);
      const everything = { kind: "everything" } as const;
      return presenters.presentPlan(await retention.plan(repository, policy, everything, work));
    },
    async run(scope, isDryRun) {
      const counts = { tags: 0, manifests: 0, failed: 0 };
      const steps = retention.run(scopeOf(scope), { isDryRun, isOver: () => false });
      const findings = async function* () {
        for await (const step of steps) {
          countStep(counts, step);
          yield* findingsOf(step);
        }
      };
      return { findings: findings(), counts: () => counts };
    },
  };
}

function remoteRetention(remote: Remote): AdministeredRetention {
  const pathOf = (scope: string): string =>
    scope.includes("/") ? `/repositories/${scope}/-/retention` : `/namespaces/${scope}/retention`;
  return {
    show: (scope) => remote.get(retentionSchema, pathOf(scope)),
    set: async (scope, policy) => {
      await remote.put(retentionSchema, pathOf(scope), policy);
    },
    // The error of the server has the message of this command.
    remove: (scope) => remote.delete(pathOf(scope)).then(() => true),
    plan: (repository) => remote.post(retentionPlanSchema, `${pathOf(repository)}/plan`, {}),
    async run(scope, isDryRun) {
      if (scope === "") throw new CliError("with --host, name a repository or a namespace");
      const path = `${pathOf(scope)}/runs`;
      const started = await remote.post(jobSchema, path, { dry_run: isDryRun });
      const job = await untilEnded(remote, started, path);
      const { tags, manifests, failed } = job.counts;
      if (job.state !== "done" && failed === undefined)
        throw new CliError(job.reason ?? `the run was ${job.state}`);
      const findings = async function* () {
        yield* job.findings;
      };
      const counts = { tags: tags ?? 0, manifests: manifests ?? 0, failed: failed ?? 0 };
      return { findings: findings(), counts: () => counts };
    },
  };
}
