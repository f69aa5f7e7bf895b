import { Command } from "commander";
import { setRetentionBody, type RetentionBody } from "../../api/retention.ts";
import { parseDuration } from "../../config/quantities.ts";
import { CliError, UsageError } from "../support/failure.ts";
import { group, serverCommand, type ServerOptions } from "../support/options.ts";
import { withRetention } from "../support/administered-retention.ts";
import { linesOf, sayPlan, sayRun, untaggedHint } from "../support/retention-output.ts";

const notes = `
A rule chooses tags by name, and says which of them stay. A tag is deleted if a
rule chooses it and no rule keeps it. The rules of a repository replace those of
its namespace. Immutable tags and signatures of stored images always stay.

Examples:
  $ berth retention set team/app --keep-newest 20 --pulled-within 90d
  $ berth retention set team/app --add --tags 'pr-.*' --pushed-within 7d
  $ berth retention set team --keep-newest 50 --untagged-after 7d
  $ berth retention plan team/app             list what would be deleted
  $ berth retention run team/app              delete it now
  $ berth retention remove team/app           use the rules of its namespace
`;

/** `berth retention …`: which tags of a repository or a namespace stay. */
export function retentionCommand(): Command {
  const command = new Command("retention").description("delete old tags by rules");
  return group(command, [show(), set(), remove(), plan(), run()]).addHelpText("after", notes);
}

const onScope = (name: string, description: string): Command =>
  serverCommand(name, description).argument("<name>", "a repository or a namespace");

function show(): Command {
  return onScope("show", "show the rules that apply").action(
    (scope: string, options: ServerOptions) =>
      withRetention(options, async (retention, say) => {
        const policy = await retention.show(scope);
        const { rules, delete_untagged_after } = policy;
        const facts = { scope: policy.scope, rules, delete_untagged_after };
        if (policy.scope === null) return say(facts, `${scope} has no rules: all tags stay`);
        const whose = policy.scope === scope ? [] : [`the rules of ${policy.scope}:`];
        say(facts, ...whose, ...linesOf(policy));
      }),
  );
}

interface SetOptions extends ServerOptions {
  readonly tags?: string;
  readonly except?: string;
  readonly semver?: string;
  readonly keepAll?: true;
  readonly keepSigned?: true;
  readonly keepNewest?: string;
  readonly pushedWithin?: string;
  readonly pulledWithin?: string;
  readonly untaggedAfter?: string;
  readonly add?: true;
  readonly none?: true;
}

function set(): Command {
  return onScope("set", "set the rules, or one rule")
    .option("--tags <pattern>", "the rule is for tags that match (RE2, the whole name)")
    .option("--except <pattern>", "and not for tags that match this")
    .option("--semver <range>", "and only for versions in a range: '>=1.2 <2'")
    .option("--keep-newest <number>", "keep the last pushed ones")
    .option("--pushed-within <time>", "keep tags pushed since: 30d")
    .option("--pulled-within <time>", "keep tags pushed or pulled since: 90d")
    .option("--keep-signed", "keep what has a signature, which is not verified")
    .option("--keep-all", "keep all of them, whatever other rules say")
    .option("--add", "add the rule to those that are set")
    .option("--none", "no rules: all tags stay")
    .option("--untagged-after <time>", "delete manifests without a tag after: 7d, never")
    .action((scope: string, options: SetOptions) =>
      withRetention(options, async (retention, say) => {
        const now = await retention.show(scope);
        const own = now.scope === scope ? now : { rules: [], delete_untagged_after: null };
        const policy = bodyOf(options, own);
        await retention.set(scope, policy);
        say({ scope, ...policy }, `the rules of ${scope}:`, ...linesOf(policy));
        if (policy.rules.length > 0 && policy.delete_untagged_after === null)
          say({}, ...untaggedHint);
      }),
    );
}

function bodyOf(options: SetOptions, own: RetentionBody): RetentionBody {
  const { keepAll, keepSigned, keepNewest, pushedWithin, pulledWithin, untaggedAfter } = options;
  const { tags, except, semver, add, none } = options;
  const chooses = { ...(tags && { tags }), ...(except && { except }), ...(semver && { semver }) };
  const keeps = {
    ...(keepAll && { keep_all: true }),
    ...(keepSigned && { keep_signed: true }),
    ...(keepNewest && { keep_newest: Number(keepNewest) }),
    ...(pushedWithin && { keep_pushed_within: parseDays(pushedWithin) }),
    ...(pulledWithin && { keep_pulled_within: parseDays(pulledWithin) }),
  };
  const rule = { ...chooses, ...keeps };
  const isRule = Object.keys(rule).length > 0;
  if (none && (isRule || add)) throw new UsageError("write either a rule, or --none");
  if (!isRule && !none && untaggedAfter === undefined)
    throw new UsageError("write what stays, such as --keep-newest 20, or --none");
  const before = none || (isRule && !add) ? [] : own.rules;
  const rules = isRule ? [...before, rule] : before;
  const parsed = setRetentionBody.safeParse({
    rules,
    delete_untagged_after:
      untaggedAfter === undefined ? own.delete_untagged_after : parseUntagged(untaggedAfter),
  });
  if (parsed.success) return parsed.data;
  const [problem] = parsed.error.issues;
  throw new UsageError(
    `the rule is invalid: ${problem?.path.slice(2).join(".")} ${problem?.message}`,
  );
}

const parseUntagged = (text: string): number | null => (text === "never" ? null : parseDays(text));

const dayMs = 24 * 3_600_000;

/** `30d` in days. */
function parseDays(text: string): number {
  const days = (parseDuration(text) ?? Number.NaN) / dayMs;
  if (!Number.isInteger(days) || days < 1)
    throw new UsageError(`${text} is not a number of days: write 7d`);
  return days;
}

function remove(): Command {
  return onScope("remove", "remove the own rules; those of the namespace apply").action(
    (scope: string, options: ServerOptions) =>
      withRetention(options, async (retention, say) => {
        if (!(await retention.remove(scope)))
          throw new CliError(`${scope} does not have its own retention policy`);
        say({ scope, removed: true }, `removed the rules of ${scope}`);
      }),
  );
}

interface PlanOptions extends ServerOptions {
  readonly kept?: true;
}

function plan(): Command {
  return serverCommand("plan", "list what a run would delete now")
    .argument("<name>", "a repository or a namespace")
    .option("--kept", "of a repository: also list the tags that stay, and why")
    .action((scope: string, options: PlanOptions) =>
      withRetention(options, async (retention, say) => {
        if (!scope.includes("/")) return sayRun(await retention.run(scope, true), true, say);
        const planned = await retention.plan(scope);
        if (options.json) return say(planned);
        sayPlan(scope, planned, options.kept === true, say);
      }),
    );
}

function run(): Command {
  return serverCommand("run", "delete what the rules do not keep")
    .argument("[name]", "a repository or a namespace (default: all, in a data folder)")
    .option("--dry-run", "list it, and delete nothing")
    .action((scope: string | undefined, options: ServerOptions & { readonly dryRun?: true }) =>
      withRetention(options, async (retention, say) => {
        const isDryRun = options.dryRun === true;
        await sayRun(await retention.run(scope ?? "", isDryRun), isDryRun, say);
      }),
    );
}
