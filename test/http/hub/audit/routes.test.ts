import assert from "node:assert/strict";
import { test } from "node:test";
import { auditActions } from "../../../../src/database/events/audit.ts";
import { startClosedBerth } from "../../../support/closed.ts";
import { hubAs } from "../support.ts";

interface Group {
  readonly label: string;
  readonly actions: readonly { readonly name: string; readonly description: string }[];
}

test("the list of actions has every action of the audit log, also deletions of blobs and manifests", async () => {
  const berth = await startClosedBerth();
  await berth.addUser("mia");
  const mia = await hubAs(berth, "mia");
  const { status, body } = await mia("get", "/v2/auditlogs/mia/actions");
  assert.equal(status, 200);
  const groups = body["actions"] as unknown as Readonly<Record<string, Group>>;
  const listed = Object.entries(groups).flatMap(([group, { actions }]) =>
    actions.map(({ name }) => `${group}.${name}`),
  );
  assert.deepEqual(listed.toSorted(), auditActions.toSorted());
  assert.ok(listed.includes("repo.blob.delete") && listed.includes("repo.manifest.delete"));
  assert.equal(groups["repo"]?.label, "Repositories");
});
