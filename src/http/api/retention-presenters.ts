import { timeOf, timeOrNull } from "../../api/fields.ts";
import { plannedAtMost } from "../../api/limits.ts";
import type {
  PlannedTagAnswer,
  RetentionBody,
  RetentionPlanAnswer,
  RetentionRuleAnswer,
} from "../../api/retention.ts";
import type {
  RetentionPolicy,
  RetentionRule,
  StoredRetentionPolicy,
} from "../../database/maintenance/retention-policies.ts";
import type { ShownPlan } from "../../maintenance/retention/retention.ts";
import type { PlannedTag } from "../../maintenance/retention/tag-plan.ts";

/* Retention policies and plans as the API and the command line show them. */

/** The policy in a body of the API. */
export const policyOf = ({ rules, delete_untagged_after }: RetentionBody): RetentionPolicy => ({
  rules: rules.map((rule) => ({
    ...{ tags: rule.tags, except: rule.except, semver: rule.semver },
    ...{ keepAll: rule.keep_all, keepSigned: rule.keep_signed, keepNewest: rule.keep_newest },
    ...{ keepPushedDays: rule.keep_pushed_within, keepPulledDays: rule.keep_pulled_within },
  })),
  untaggedDays: delete_untagged_after,
});

const presentRule = (rule: RetentionRule): RetentionRuleAnswer => ({
  tags: rule.tags,
  except: rule.except,
  semver: rule.semver,
  keep_all: rule.keepAll,
  keep_signed: rule.keepSigned,
  keep_newest: rule.keepNewest,
  keep_pushed_within: rule.keepPushedDays,
  keep_pulled_within: rule.keepPulledDays,
});

export const presentPolicy = (found: StoredRetentionPolicy | undefined) => ({
  scope: found?.scope ?? null,
  rules: found?.rules.map(presentRule) ?? [],
  delete_untagged_after: found?.untaggedDays ?? null,
  changed_at: timeOrNull(found?.changedAtMs),
  changed_by: found?.changedBy ?? null,
});

export function presentPlan({ tags, manifests, freedBytes }: ShownPlan): RetentionPlanAnswer {
  const all = [...tags.counts.values()].reduce((sum, count) => sum + count, 0);
  return {
    deleted_count: tags.deleted.length,
    deleted: tags.deleted.slice(0, plannedAtMost).map(presentTag),
    kept_count: all - tags.deleted.length,
    kept: tags.kept(0, plannedAtMost).map(presentTag),
    manifest_count: manifests.length,
    manifests: manifests.slice(0, plannedAtMost).map(({ digest }) => digest),
    frees: freedBytes ?? null,
  };
}

const presentTag = (tag: PlannedTag): PlannedTagAnswer => ({
  name: tag.name,
  last_updated: timeOf(tag.updatedAtMs),
  last_pulled: timeOrNull(tag.lastPulledAtMs === 0 ? undefined : tag.lastPulledAtMs),
  reason: tag.reason,
  rule: tag.rule === 0 ? null : tag.rule,
});
