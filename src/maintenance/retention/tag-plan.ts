import type { YieldingWork } from "../../concurrency/yielding-work.ts";
import { fallbackTag } from "../../database/catalog/pull-counters.ts";
import type { RetentionRule } from "../../database/maintenance/retention-policies.ts";
import { parseDigest, type Digest } from "../../oci/digest.ts";
import type { Tag } from "../../oci/reference.ts";
import { matcherOf, type TagPatterns } from "../../oci/tag-patterns.ts";
import { isInRange, versionOf } from "../../oci/tag-versions.ts";

/*
 * Decides which tags of a repository retention deletes. The dry run and the run both use this function:
 *
 * - A rule chooses tags by their names. A tag is deleted if a rule chooses it and no rule that chooses it keeps it. So the
 *   order of the rules does not matter, and a tag that no rule chooses stays.
 * - Immutable tags stay.
 * - No rule chooses the tags of signatures (`sha256-….sig`). They stay as long as the repository has their subject. They
 *   also stay if it never had it: cosign can store the signatures of other repositories in one of their own.
 */

const dayMs = 24 * 3_600_000;

/** Why a tag stays, or why it is deleted. */
const reasons = [
  /** No rule chooses it. */
  "no_rule",
  "immutable",
  /** It has a signature, or other referrers, of a manifest that the repository has. */
  "signature",
  /** A rule keeps it: */
  "all",
  "signed",
  "newest",
  "pushed",
  "pulled",
  /** Deleted: rules choose it, and none keeps it. */
  "expired",
  /** Deleted: the repository does not have the subject of the signature any more. */
  "no_subject",
] as const;
type Reason = (typeof reasons)[number];

const isDeletion = (reason: Reason): boolean => reason === "expired" || reason === "no_subject";

/** The tags of a repository by name; each column has a value for each tag. Times in milliseconds since the epoch. */
export interface RetainedTags {
  readonly names: readonly Tag[];
  readonly updatedAtMs: ArrayLike<number>;
  /** 0: no pull is known. */
  readonly lastPulledAtMs: ArrayLike<number>;
}

export interface PlanInput {
  readonly rules: readonly RetentionRule[];
  /** `null`: tags of signatures stay without their subjects. */
  readonly untaggedDays: number | null;
  /** `null`: no tag is immutable; an empty list: all are. */
  readonly immutableTags: TagPatterns | null;
  readonly tags: RetainedTags;
  /** The digests in the tags of signatures that the repository had, and does not have any more. */
  readonly goneSubjects: ReadonlySet<Digest>;
  /** Whether a signature is stored for the manifest of the tag at a position. */
  readonly isSigned: (at: number) => boolean;
  readonly nowMs: number;
  /** Since when all pulls are known; a tag counts as used at this time. */
  readonly pullsKnownSinceMs: number;
}

export interface PlannedTag {
  readonly name: Tag;
  readonly updatedAtMs: number;
  /** 0: no pull is known. */
  readonly lastPulledAtMs: number;
  readonly reason: Reason;
  /** The number of the rule that keeps it, or of the first rule that chooses it; 0: none. */
  readonly rule: number;
}

export interface TagPlan {
  /** The number of tags with each reason. */
  readonly counts: ReadonlyMap<Reason, number>;
  /** The tags that are deleted, by name. */
  readonly deleted: readonly PlannedTag[];
  /** The tags that stay, from a position on. */
  kept(skip: number, limit: number): readonly PlannedTag[];
}

/** The subject in the tag of a signature, or of other referrers; `undefined`: none, or one that the tag does not tell. */
export function subjectOf(tag: Tag): Digest | undefined {
  const [, hex] = /^sha256-([0-9a-f]{64})(?:\.|$)/.exec(tag) ?? [];
  return hex === undefined ? undefined : parseDigest(`sha256:${hex}`);
}

interface Choice {
  readonly rule: RetentionRule;
  readonly chooses: (tag: Tag) => boolean;
  /** The positions of the tags that the rule chooses. */
  readonly chosen: number[];
}

const tagsAtOnce = 100;

export async function planTags(input: PlanInput, work: YieldingWork): Promise<TagPlan> {
  const { names } = input.tags;
  const { immutableTags } = input;
  const choices = await Promise.all(input.rules.map(choiceOf));
  const isImmutable = immutableTags === null ? () => false : await matcherOf(immutableTags);
  const reasonOf = new Uint8Array(names.length);
  const ruleOf = new Uint8Array(names.length);
  const decide = (at: number, reason: Reason, rule = 0): void => {
    reasonOf[at] = reasons.indexOf(reason);
    ruleOf[at] = rule;
  };
  const expired = reasons.indexOf("expired");

  for (const [at, name] of names.entries()) {
    if (at % tagsAtOnce === 0) await work.step();
    if (fallbackTag.test(name))
      decide(at, isOrphan(input, at) && !isImmutable(name) ? "no_subject" : "signature");
    else
      for (const [index, { chooses, chosen }] of choices.entries())
        if (chooses(name)) {
          chosen.push(at);
          if (reasonOf[at] !== expired) decide(at, "expired", index + 1);
        }
  }
  for (const [index, { rule, chosen }] of choices.entries()) {
    await work.step();
    const keeps = reasonToKeepOf(rule, chosen, input);
    for (const at of chosen) {
      const reason = reasonOf[at] === expired ? keeps(at) : undefined;
      if (reason !== undefined) decide(at, reason, index + 1);
    }
  }
  for (const [at, name] of names.entries()) {
    if (at % tagsAtOnce === 0) await work.step();
    if (reasonOf[at] === expired && isImmutable(name)) decide(at, "immutable");
  }
  return planOf(input.tags, reasonOf, ruleOf);
}

async function choiceOf(rule: RetentionRule): Promise<Choice> {
  const { tags, except, semver } = rule;
  const isNamed = tags === null ? () => true : await matcherOf([tags]);
  const isExcepted = except === null ? () => false : await matcherOf([except]);
  const isVersion = (tag: Tag): boolean => {
    if (semver === null) return true;
    const version = versionOf(tag);
    return version !== undefined && isInRange(version, semver);
  };
  const chooses = (tag: Tag): boolean => isNamed(tag) && isVersion(tag) && !isExcepted(tag);
  return { rule, chooses, chosen: [] };
}

/** Whether a signature has stayed without its subject for as long as a manifest without a tag. */
function isOrphan({ tags, untaggedDays, goneSubjects, nowMs }: PlanInput, at: number): boolean {
  const subject = subjectOf(tags.names[at] as Tag);
  if (untaggedDays === null || subject === undefined || !goneSubjects.has(subject)) return false;
  return (tags.updatedAtMs[at] ?? nowMs) <= nowMs - untaggedDays * dayMs;
}

/** Returns why a rule keeps a tag that it chooses; `undefined`: it does not. */
function reasonToKeepOf(
  { keepAll, keepSigned, keepNewest, keepPushedDays, keepPulledDays }: RetentionRule,
  chosen: readonly number[],
  { tags: { updatedAtMs, lastPulledAtMs }, isSigned, nowMs, pullsKnownSinceMs }: PlanInput,
): (at: number) => "all" | "signed" | "newest" | "pushed" | "pulled" | undefined {
  const isNewest = newestOf(chosen, updatedAtMs, keepNewest ?? 0);
  const isWithin = (atMs: number, days: number | null): boolean =>
    days !== null && atMs > nowMs - days * dayMs;
  return (at) => {
    const pushedAtMs = updatedAtMs[at] ?? nowMs;
    if (keepAll) return "all";
    if (keepSigned && isSigned(at)) return "signed";
    if (isNewest(at)) return "newest";
    if (isWithin(pushedAtMs, keepPushedDays)) return "pushed";
    const usedAtMs = Math.max(pushedAtMs, lastPulledAtMs[at] ?? 0, pullsKnownSinceMs);
    return isWithin(usedAtMs, keepPulledDays) ? "pulled" : undefined;
  };
}

/** Whether a tag is one of the `count` that were pushed last. Of several with one time, the last by name are. */
function newestOf(
  chosen: readonly number[],
  updatedAtMs: ArrayLike<number>,
  count: number,
): (at: number) => boolean {
  if (count >= chosen.length) return () => true;
  if (count === 0) return () => false;
  const timeOf = (at: number): number => updatedAtMs[at] ?? 0;
  const times = Float64Array.from(chosen, timeOf).toSorted();
  const oldest = times[times.length - count] ?? 0;
  const newer = chosen.filter((at) => timeOf(at) > oldest).length;
  const equal = chosen.filter((at) => timeOf(at) === oldest);
  const last = new Set(equal.slice(equal.length - (count - newer)));
  return (at) => timeOf(at) > oldest || last.has(at);
}

function planOf(tags: RetainedTags, reasonOf: Uint8Array, ruleOf: Uint8Array): TagPlan {
  const counts = new Map<Reason, number>();
  const planned = (at: number): PlannedTag => ({
    name: tags.names[at] as Tag,
    updatedAtMs: tags.updatedAtMs[at] ?? 0,
    lastPulledAtMs: tags.lastPulledAtMs[at] ?? 0,
    reason: reasons[reasonOf[at] ?? 0] as Reason,
    rule: ruleOf[at] ?? 0,
  });
  const [deleted, kept]: [number[], number[]] = [[], []];
  for (const [at, code] of reasonOf.entries()) {
    const reason = reasons[code] as Reason;
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
    (isDeletion(reason) ? deleted : kept).push(at);
  }
  return {
    counts,
    deleted: deleted.map(planned),
    kept: (skip, limit) => kept.slice(skip, skip + limit).map(planned),
  };
}
