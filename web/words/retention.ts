import { count, many, size } from "../format.ts";

/* Sentences of the retention of repositories and namespaces. A second language is a second folder. */

export const retention = {
  title: "Retention",
  hint: "A rule chooses tags by name. A tag is deleted if a rule chooses it and no rule keeps it. Immutable tags stay, and signatures stay as long as their image.",
  hintOfNamespace:
    "For all repositories without rules of their own. A tag is deleted if a rule chooses it and no rule keeps it.",
  none: "No rules: all tags stay.",
  inherited: (namespace: string) =>
    `These are the rules of ${namespace}. Rules that you save here replace them.`,
  rule: (at: number) => `Rule ${at}`,
  tags: "Tags that match",
  tagsHint: "RE2 expression for the whole tag; empty: all tags.",
  except: "But not these",
  semver: "Versions in",
  semverHint: "A range such as >=1.2 <2.",
  all: "Keep all of them",
  signed: "Keep what has a signature (it is not verified)",
  newest: "Keep the newest",
  pushed: "Keep tags pushed in the last days",
  pulled: "Keep tags pushed or pulled in the last days",
  addRule: "Add rule",
  removeRule: (at: number) => `Remove rule ${at}`,
  remove: "Remove",
  untagged: "Delete manifests without a tag after days",
  untaggedHint:
    "Empty: they stay, can be pulled by digest, and no bytes are freed when a tag is deleted.",
  saved: "The retention rules are saved.",
  show: "Show what it deletes",
  runNow: "Run now…",
  runTitle: "Delete these tags now?",
  runSaved: "The saved rules are run. This cannot be undone.",
  run: "Run now",
  started: "Retention runs. Deleted tags appear in the activity.",
  removeOwn: "Remove own rules",
  next: "Next run",
  deletes: (tags: number, manifests: number) =>
    `It deletes ${many(tags, "tag", "tags")} and ${many(manifests, "manifest without a tag", "manifests without a tag")}.`,
  keeps: (tags: number) => `${many(tags, "tag stays", "tags stay")}.`,
  frees: (bytes: number | null) =>
    bytes === null ? "The bytes are too many to add up." : `It frees ${size(bytes)}.`,
  more: (tags: number) => `… and ${count(tags)} more`,
  reasons: {
    no_rule: "no rule chooses it",
    immutable: "immutable",
    signature: "belongs to an image",
    all: "all stay",
    signed: "signed",
    newest: "one of the newest",
    pushed: "pushed lately",
    pulled: "pulled lately",
    expired: "nothing keeps it",
    no_subject: "its image is gone",
  },
  byRule: (rule: number, reason: string) => `rule ${rule}: ${reason}`,
  columns: { tag: "Tag", reason: "Why", pushed: "Pushed", pulled: "Pulled" },
  never: "never",
};
