import { many } from "../format.ts";

/* Sentences about pulls, on the pages of repositories and of tags. A second language is a second folder. */

export const pull = {
  title: "Pull",
  client: "Client",
  tag: "Tag",
  loginFirst: "Private: log in first.",
  makeToken: "Create an access token for this machine",
  chartLabel: (from: string, to: string, all: number) =>
    `${many(all, "pull", "pulls")} from ${from} to ${to}`,
};
