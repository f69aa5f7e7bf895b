import process from "node:process";
import type {
  PlannedTagAnswer,
  RetentionBody,
  RetentionPlanAnswer,
  RetentionRuleAnswer,
} from "../../api/retention.ts";
import type { RetentionResult } from "./administered-retention.ts";
import { formatBytes, shortTime, tableOf, type Line, type Say } from "./output.ts";

/** The lines of a policy: a table of its rules, and what happens to manifests without a tag. */
export function linesOf({ rules, delete_untagged_after: days }: RetentionBody): readonly Line[] {
  const rows = rules.map((rule, at) => [String(at + 1), chosenBy(rule), keptBy(rule)]);
  return [
    ...(rules.length === 0 ? ["no rules: all tags stay"] : tableOf(["RULE", "TAGS", "STAY"], rows)),
    days === null
      ? "manifests without a tag stay"
      : `manifests without a tag are deleted after ${daysOf(days)}`,
  ];
}

const daysOf = (days: number): string => (days === 1 ? "1 day" : `${days} days`);

const chosenBy = ({ tags, except, semver }: RetentionRuleAnswer): string =>
  [
    tags ?? (semver === null ? "all" : "versions"),
    ...(semver === null ? [] : [`in ${semver}`]),
    ...(except === null ? [] : [`except ${except}`]),
  ].join(" ");

function keptBy(rule: RetentionRuleAnswer): string {
  if (rule.keep_all) return "all";
  const { keep_newest: newest, keep_pushed_within: pushed, keep_pulled_within: pulled } = rule;
  return [
    ...(rule.keep_signed ? ["signed ones"] : []),
    ...(newest === null ? [] : [`the newest ${newest}`]),
    ...(pushed === null ? [] : [`pushed within ${daysOf(pushed)}`]),
    ...(pulled === null ? [] : [`pulled within ${daysOf(pulled)}`]),
  ].join(", ");
}

export const untaggedHint = [
  "no bytes are freed while manifests without a tag stay: see --untagged-after",
];

/** Prints what a run would delete from a repository. */
export function sayPlan(
  name: string,
  planned: RetentionPlanAnswer,
  isKeptShown: boolean,
  say: Say,
): void {
  for (const tag of planned.deleted)
    say(tag, `would delete tag ${name}:${tag.name} (${reasonOf(tag)})`);
  const { deleted, deleted_count: deletedCount, kept_count: keptCount } = planned;
  if (deletedCount > deleted.length) say({}, `… and ${deletedCount - deleted.length} more tags`);
  for (const digest of planned.manifests) say({}, `would delete manifest ${name}@${digest}`);
  if (planned.manifest_count > planned.manifests.length)
    say({}, `… and ${planned.manifest_count - planned.manifests.length} more manifests`);
  if (isKeptShown)
    for (const tag of planned.kept) say(tag, `keeps ${name}:${tag.name} (${reasonOf(tag)})`);
  const freed = planned.frees === null ? "" : `, and free ${formatBytes(planned.frees)}`;
  say(
    {},
    `would delete ${deletedCount} tags and ${planned.manifest_count} manifests${freed}; ${keptCount} tags stay`,
  );
  if (deletedCount > 0 && planned.frees === 0) say({}, ...untaggedHint);
}

const reasons = {
  no_rule: "no rule chooses it",
  immutable: "immutable",
  signature: "of a manifest that is stored",
  all: "all stay",
  signed: "signed",
  newest: "one of the newest",
  pushed: "pushed lately",
  pulled: "pulled lately",
  expired: "nothing keeps it",
  no_subject: "its manifest is gone",
};

function reasonOf({ reason, rule, last_updated, last_pulled }: PlannedTagAnswer): string {
  const times = `pushed ${shortTime(last_updated)}, pulled ${shortTime(last_pulled)}`;
  return `${rule === null ? "" : `rule ${rule}: `}${reasons[reason]}; ${times}`;
}

/** Prints what a run deleted, or would delete. If some repositories failed, the exit code will be 1. */
export async function sayRun(result: RetentionResult, isDryRun: boolean, say: Say): Promise<void> {
  const did = isDryRun ? "would delete" : "deleted";
  for await (const { kind, subject, digest, message } of result.findings) {
    const facts = { kind, subject, ...(digest ? { digest } : {}), ...(message ? { message } : {}) };
    if (kind === "tag") say(facts, `${did} tag ${subject} (${message})`);
    else if (kind === "manifest") say(facts, `${did} manifest ${subject}@${digest}`);
    else say(facts, `not done: ${subject}: ${message}`);
  }
  const counts = result.counts();
  if (counts.failed > 0) process.exitCode = 1;
  const failures = counts.failed === 0 ? "" : `; ${counts.failed} repositories failed`;
  say(
    { kind: "sum", dryRun: isDryRun, ...counts },
    `${did} ${counts.tags} tags and ${counts.manifests} manifests${failures}`,
  );
}
