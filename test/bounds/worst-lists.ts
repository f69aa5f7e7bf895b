import { list, manyWords, pathOf, usual, type Row } from "./requests.ts";

/* The worst requests of lists: of tags, of repositories, of referrers, of the audit log, and of a search. */

export const tagLists: Row = (world, route) => [
  ...usual(world, route),
  ...[
    "order=natural",
    "order=natural&direction=desc&page=150",
    "order=size&os=linux&architecture=a1",
    `os=${list(2_000, (at) => `o${at}`)}`,
    "order=pulls&unused_for=0",
    "order=updated&filter=a&page=150",
  ].map((query) => ({ path: `${pathOf(world, route)}?page_size=100&${query}` })),
];
export const histories: Row = () =>
  [1, 2, 500].map((page) => ({
    path: `/api/berth/v1/repositories/mia/big/-/tags/one/history?page_size=100&page=${page}`,
  }));
export const logs: Row = () =>
  [
    "",
    "&page=500",
    "&actor=none",
    "&action=none",
    `&name=${"n".repeat(400)}`,
    "&from=2020-01-01T00:00:00Z",
    "&format=csv",
    "&format=csv&actor=none",
  ].map((query) => ({ path: `/v2/auditlogs/mia?page_size=100${query}` }));
export const activities: Row = (world, route) =>
  ["", "&actor=none", "&action=none", "&action=repo.tag&actor=mia", "&before=1"].map((query) => ({
    path: `${pathOf(world, route)}?page_size=100${query}`,
  }));
export const wholeLog: Row = () =>
  ["", "&actor=none", "&action=none", "&account=mia", "&last=9999999999999-9", "&format=csv"].map(
    (query) => ({
      path: `/api/berth/v1/admin/audit?page_size=100${query}`,
    }),
  );
export const lists: Row = (world, route) =>
  ["?n=100000", "?n=1000&last=t", `?last=${"z".repeat(10_000)}`, "?n=0"].map((query) => ({
    path: pathOf(world, route) + query,
  }));
export const referrers: Row = ({ subject }) =>
  ["", "?n=1000", `?${list(1_500, (at) => `artifactType=a/${at}`).replaceAll(",", "&")}`].map(
    (query) => ({ path: `/v2/mia/big/referrers/${subject}${query}` }),
  );

export const searches: Row = (world, route) =>
  [
    "",
    ...["suggested", "updated_at"].map((sort) => `&query=a b c d m big t 1&sort=${sort}`),
    `&query=${manyWords(1_000)}&page=2&os=${list(5_000, (at) => at.toString(36))}`,
    `&os_version=${list(3_000, (at) => `${at.toString(36)}*`)}&where=hosted`,
    `&os_version=*,${"1".repeat(12_000)}*,${"1".repeat(12_000)}`,
    `&namespace=mia,${list(99, (at) => `${"n".repeat(20)}${at}`)}&where=hosted`,
    `&namespace=${"n".repeat(12_000)}&where=mirrored`,
    "&facets=true",
    `&facets=true&query=a b c d&os=${list(3_000, (at) => `linux${at}`)}&os_version=*&architecture=${list(2_000, (at) => at.toString(36))}&type=image`,
  ].map((query) => ({ path: encodeURI(`${pathOf(world, route)}?page_size=100${query}`) }));
