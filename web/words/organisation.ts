import { count, size } from "../format.ts";

/* Sentences of the tokens and the settings of an organisation. A second language is a second folder. */

export const organisationTokens = {
  intro: (name: string) =>
    `For machines. A client logs in with the user name ${name} and the token; the token belongs to no member.`,
  description: "Description",
  repositories: "Repositories",
  all: (name: string) => `All repositories of ${name}`,
  by: (name: string) => `created by ${name}`,
  more: (n: number) => `and ${count(n)} more`,
  noRepositories: "None",
  these: "These repositories",
  names: "Names",
  namesHint: (name: string) =>
    `With a space or a comma between two names, such as ${name}/app. A * stands for any characters.`,
  permission: "What the token may do",
  permissions: { pull: "Pull", push: "Pull and push", delete: "Pull, push and delete" },
  mayCreate: "A push may create a repository",
  none: "No access tokens yet.",
};

export const organisationSettings = {
  title: "Organisation",
  fullName: "Full name",
  fullNameHint: "Shown beside the name of the organisation.",
  storage: "Storage",
  used: "Used",
  quota: "Quota",
  noQuota: "No quota",
  quotaHint: "An administrator sets the quota.",
  bytes: "Bytes of the blobs, each counted once",
  shared: "In several repositories",
  unique: "In one repository only",
  quotaLabel: (used: number, limit: number) => `${size(used)} of ${size(limit)}`,
  byRepository: "Storage by repository",
  byRepositoryHint: "A blob that several repositories have counts for each of them.",
  firstOnly: (n: number) => `The largest of the first ${count(n)} repositories by name.`,
};
