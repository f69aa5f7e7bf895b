import * as z from "zod";
import { time } from "./fields.ts";
import { jobItemSchema } from "./jobs.ts";
import { plannedAtMost, retentionRulesAtMost } from "./limits.ts";

/* Retention: which tags of a repository or a namespace stay. */

const expression = z.string().min(1).max(256).nullable().default(null);
const days = z.int().min(1).max(36_500).nullable().default(null);

/** A misspelled condition would delete more tags, so unknown fields are rejected. */
const ruleSchema = z
  .strictObject({
    tags: expression.describe("RE2 expression for the whole name; null: every tag."),
    except: expression.describe("RE2 expression for tags that the rule does not choose."),
    semver: expression.describe(
      "The rule chooses only tags that are semantic versions in this range: >=1.2 <2.",
    ),
    keep_all: z.boolean().default(false).describe("All tags that the rule chooses stay."),
    keep_signed: z
      .boolean()
      .default(false)
      .describe("Tags stay whose image has a signature in the repository. It is not verified."),
    keep_newest: z
      .int()
      .min(1)
      .max(1_000_000)
      .nullable()
      .default(null)
      .describe("The number of the last pushed tags that stay."),
    keep_pushed_within: days.describe("Days: tags that were pushed since stay."),
    keep_pulled_within: days.describe("Days: tags that were pushed or pulled since stay."),
  })
  .refine(
    ({ keep_all, keep_signed, keep_newest, keep_pushed_within, keep_pulled_within }) =>
      keep_all || keep_signed || (keep_newest ?? keep_pushed_within ?? keep_pulled_within) !== null,
    {
      message:
        "say what stays: keep_all, keep_signed, keep_newest, keep_pushed_within or keep_pulled_within",
    },
  );
export type RetentionRuleAnswer = z.output<typeof ruleSchema>;

const policyFields = {
  rules: z.array(ruleSchema).max(retentionRulesAtMost),
  delete_untagged_after: days.describe(
    "Days after which a manifest without a tag is deleted; null: it stays.",
  ),
};

export const setRetentionBody = z.strictObject(policyFields);
export type RetentionBody = z.output<typeof setRetentionBody>;

export const retentionSchema = z.object({
  ...policyFields,
  scope: z
    .string()
    .nullable()
    .describe("The repository or the namespace whose policy this is; null: there is none."),
  changed_at: time.nullable(),
  changed_by: z.string().nullable(),
  next_at: time.nullable().describe("When the server runs all policies next."),
  last: jobItemSchema
    .nullable()
    .describe("The last run that a client has started for this repository or namespace."),
});
export type RetentionAnswer = z.output<typeof retentionSchema>;

export const planRetentionBody = z.strictObject({
  rules: policyFields.rules.optional().describe("Default: the policy that applies."),
  delete_untagged_after: policyFields.delete_untagged_after,
});

const plannedTagSchema = z.object({
  name: z.string(),
  last_updated: time,
  last_pulled: time.nullable(),
  reason: z
    .enum(["no_rule", "immutable", "signature", "all", "signed", "newest", "pushed", "pulled"])
    .or(z.enum(["expired", "no_subject"]))
    .describe(
      "It stays: no_rule chooses it, it is immutable, a signature of a manifest, or the rule keeps it. It is deleted: expired, or a signature without its subject.",
    ),
  rule: z
    .int()
    .nullable()
    .describe("The number of the rule that keeps it, or of the first rule that chooses it."),
});
export type PlannedTagAnswer = z.output<typeof plannedTagSchema>;

export const retentionPlanSchema = z.object({
  deleted_count: z.int(),
  deleted: z.array(plannedTagSchema).max(plannedAtMost).describe("The first 1000, by name."),
  kept_count: z.int(),
  kept: z.array(plannedTagSchema).max(plannedAtMost).describe("The first 1000, by name."),
  manifest_count: z.int(),
  manifests: z
    .array(z.string())
    .max(plannedAtMost)
    .describe("Digests of manifests without a tag that are deleted, the first 1000."),
  frees: z
    .int()
    .nullable()
    .describe(
      "Bytes that the collector deletes in consequence, as far as the caller may read the other repositories with the same content. Null: too much to add up.",
    ),
});
export type RetentionPlanAnswer = z.output<typeof retentionPlanSchema>;

export const runRetentionBody = z.strictObject({
  dry_run: z.boolean().default(false).describe("Lists in the job what a run would delete."),
});
