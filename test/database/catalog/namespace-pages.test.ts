import assert from "node:assert/strict";
import { test } from "node:test";
import type { NamespaceView } from "../../../src/database/catalog/namespace-pages.ts";
import { openTestDatabase } from "../../support/database.ts";

interface Row {
  readonly name: string;
  readonly updated: number;
  readonly rank: number;
  readonly isPublic: boolean;
  readonly isGiven: boolean;
}

test("the pages of a namespace are slices of the sorted list of all visible repositories", async () => {
  const { tables, namespacePages: reads } = await openTestDatabase();
  await tables.insert("accounts", { id: 7, name: "gil", kind: "user", created_at: 0 });
  const rows: readonly Row[] = Array.from({ length: 40 }, (_, number) => ({
    name: `team/${number % 3 === 0 ? "app" : "tool"}-${String((number * 17) % 40).padStart(2, "0")}`,
    updated: (number * 11) % 13,
    rank: (number * 5) % 4,
    isPublic: number % 2 === 0,
    isGiven: number % 2 === 1 && number % 5 === 0,
  }));
  for (const { name, updated, rank, isPublic, isGiven } of rows) {
    const visibility = isPublic ? "public" : "private";
    const times = { created_at: 0, updated_at: updated };
    const repository = { name, namespace: "team", visibility, pull_rank: rank, ...times };
    const id = await tables.insert("repositories", repository);
    if (isGiven)
      await tables.insert("collaborators", { repository_id: id, user_id: 7, permission: "read" });
  }
  const given = rows.filter(({ isGiven }) => isGiven).map(({ name }) => name);
  const views: readonly (readonly [NamespaceView, (row: Row) => boolean])[] = [
    [{ kind: "all" }, () => true],
    [{ kind: "public" }, ({ isPublic }) => isPublic],
    [{ kind: "granted", userId: 7 }, ({ isPublic, isGiven }) => isPublic || isGiven],
    [{ kind: "paths", paths: given }, ({ isPublic, isGiven }) => isPublic || isGiven],
    [{ kind: "paths", paths: [] }, ({ isPublic }) => isPublic],
  ];
  const measures = {
    name: () => 0,
    updated: ({ updated }: Row) => updated,
    pulls: ({ rank }: Row) => rank,
  };
  const byName = (a: Row, b: Row): number => (a.name < b.name ? -1 : 1);

  const visibilities = [undefined, "public", "private"] as const;
  const requests = views.flatMap(([view, isSeen]) =>
    visibilities.map((visibility) => ({ view, isSeen, visibility })),
  );
  for (const { view, isSeen, visibility } of requests)
    for (const order of ["name", "updated", "pulls"] as const)
      for (const descending of [false, true])
        for (const search of [undefined, "app", "*", "[a"]) {
          const measure = measures[order];
          const sorted = rows
            .filter((row) => isSeen(row) && (search === undefined || row.name.includes(search)))
            .filter(
              ({ isPublic }) => visibility === undefined || isPublic === (visibility === "public"),
            )
            .toSorted((a, b) => measure(a) - measure(b) || byName(a, b));
          if (descending) sorted.reverse();
          const expected = sorted.map(({ name }) => name);
          const filter = { namespace: "team", view, search, visibility };
          const request = { ...filter, order, descending, limit: 7 };
          const told = JSON.stringify(request);
          assert.equal(await reads.count(filter), expected.length, told);
          const walked: string[] = [];
          for (let skip = 0; skip < expected.length; skip += 7) {
            const page = await reads.list({ ...request, skip });
            const names = page.map(({ name }) => name);
            assert.deepEqual(names, expected.slice(skip, skip + 7), `${told} ${skip}`);
            const after = (await reads.list({ ...request, skip: 0, limit: skip + 1 })).at(-1);
            const next = await reads.list({ ...request, after, skip: 0 });
            assert.deepEqual(
              next.map(({ name }) => name),
              expected.slice(skip + 1, skip + 8),
              `${told} behind ${after?.name}`,
            );
            walked.push(...names);
          }
          assert.deepEqual(walked, expected, told);
        }
});
