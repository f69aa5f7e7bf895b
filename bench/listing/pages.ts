import { largest } from "./fill.ts";
import { commonWord, largestNamespace, rareWord, usualWord } from "./names.ts";

/** A listing to measure: the first request, and whether clients follow `Link` headers to the last page. */
export interface Pages {
  readonly first: string;
  readonly follows: boolean;
}

export const again = (first: string): Pages => ({ first, follows: false });
export const walk = (first: string): Pages => ({ first, follows: true });

const berthApi = "/api/berth/v1";
const ofNamespace = `/v2/namespaces/${largestNamespace}/repositories?page_size=100`;
const hubTags = `/v2/namespaces/${largestNamespace}/repositories/${largest.split("/")[1]}/tags`;
const berthTags = `${berthApi}/repositories/${largest}/-/tags`;

export const berthPages: Readonly<Record<string, Pages>> = {
  "Hub: repositories of a namespace of 60,000, page 1": again(ofNamespace),
  "Hub: the same, page 500": again(`${ofNamespace}&page=500`),
  "Hub: the same, by name, page 500": again(`${ofNamespace}&page=500&ordering=name`),
  "Hub: the same, by pulls, page 1": again(`${ofNamespace}&ordering=-pull_count`),
  "Hub: the same, by pulls, page 500": again(`${ofNamespace}&page=500&ordering=-pull_count`),
  "Hub: the same, name=billing (2,400)": again(`${ofNamespace}&name=${usualWord}`),
  "Hub: the same, name=n4242 (11)": again(`${ofNamespace}&name=${rareWord}`),
  "Berth: repositories, page 1": again(`${berthApi}/repositories?page_size=100`),
  "Berth: repositories, behind 50,000": again(
    `${berthApi}/repositories?page_size=100&last=${largestNamespace}/scheduler-web-n29265`,
  ),
  "Berth: repositories of a namespace": again(
    `${berthApi}/repositories?namespace=org0500&page_size=100`,
  ),
  "Hub: tags of 100,000, page 1": again(`${hubTags}?page_size=100`),
  "Hub: tags of 100,000, page 900": again(`${hubTags}?page_size=100&page=900`),
  "Hub: tags of 100,000, name=50.50": again(`${hubTags}?page_size=100&name=50.50`),
  "Hub: tags of 100,000, name=5 (41,000)": again(`${hubTags}?page_size=100&name=5`),
  "Berth: tags of 100,000, page 1": again(`${berthTags}?page_size=100`),
  "Berth: tags of 100,000, in the middle": again(`${berthTags}?page_size=100&last=4.50.50`),
  ...Object.fromEntries(
    [
      "order=natural",
      "order=natural&direction=desc",
      "order=natural&page=500",
      "order=updated",
      "order=size",
      "order=pulls",
      "os=linux&order=natural",
      "unused_for=30",
      "filter=5&order=natural",
    ].map((query) => [
      `Berth: tags of 100,000, ${query}`,
      again(`${berthTags}?page_size=100&${query}`),
    ]),
  ),
  "tags/list of 100,000, walk": walk(`/v2/${largest}/tags/list?n=100`),
  "_catalog, walk": walk("/v2/_catalog?n=100"),
  [`/v1/search ${commonWord} (all)`]: again(`/v1/search?q=${commonWord}`),
  [`/v1/search ${usualWord} (one in 25)`]: again(`/v1/search?q=${usualWord}`),
  [`/v1/search ${rareWord} (eleven)`]: again(`/v1/search?q=${rareWord}`),
  "/v1/search c (a letter)": again("/v1/search?q=c"),
  "/v1/search qqqq (nothing)": again("/v1/search?q=qqqq"),
  "Hub: search, page 90": again(
    `/v2/search/repositories/?query=${commonWord}&page_size=100&page=90`,
  ),
  "Hub: search by pulls": again(`/api/search/v4?query=${commonWord}&sort=pull_count&size=100`),
  "Berth: search, windows amd64": again(
    `${berthApi}/search?query=${commonWord}&os=windows&architecture=amd64`,
  ),
};
