import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openCommandContext } from "../../../src/app/command-context.ts";
import { pushBlob, pushImageParts, putManifest } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";

describe("the actor of a push", async () => {
  const berth = await startClosedBerth({ trustedProxies: "127.0.0.1" });
  await berth.addUser("mia");
  await berth.addUser("tom");
  const context = await openCommandContext(berth.config, { store: false });
  const accounts = await context.accounts();
  const audit = async (account: string) => {
    const entries = await accounts.audit.list({ account, limit: 100 });
    return entries.map(({ actor, action, subject, peer }) => ({ actor, action, subject, peer }));
  };

  test("the audit log has the actor and the client address, also behind a trusted proxy", async () => {
    const { manifest } = await pushImageParts(berth.as("mia"), "mia/app");
    await putManifest(berth.as("mia"), "mia/app", "1", manifest)
      .set("X-Forwarded-For", "203.0.113.7")
      .expect(201);
    await berth.as("mia").api.delete("/v2/mia/app/manifests/1").expect(202);
    assert.deepEqual(await audit("mia"), [
      { actor: "mia", action: "repo.tag.delete", subject: "mia/app:1", peer: "127.0.0.1" },
      { actor: "mia", action: "repo.tag.push", subject: "mia/app:1", peer: "203.0.113.7" },
      { actor: "mia", action: "repo.create", subject: "mia/app", peer: "127.0.0.1" },
    ]);
  });

  test("an administrator's push creates the organisation too; other users cannot push to foreign namespaces", async () => {
    await pushBlob(berth.as("admin"), "new/app", "x");
    assert.deepEqual(
      (await audit("new")).map(({ actor, action }) => `${actor} ${action}`),
      ["admin repo.create", "admin org.create"],
    );
    await assert.rejects(pushBlob(berth.as("tom"), "mia/other", "x"), /401/);
    await assert.rejects(pushBlob(berth.as("tom"), "unheard-of/app", "x"), /401/);
  });

  test("of six concurrent pushes to an immutable tag one succeeds, and then the tag cannot be deleted", async () => {
    const images = [];
    for (let place = 0; place < 6; place += 1)
      images.push(await pushImageParts(berth.as("mia"), "mia/app", { layer: `layer ${place}` }));
    await berth.exec("UPDATE repositories SET immutable_tags = '[]' WHERE name = 'mia/app'");
    const answers = await Promise.all(
      images.map(({ manifest, digest }, place) => {
        const reference = place % 2 === 0 ? "final" : `${digest}?tag=final`;
        return putManifest(berth.as("mia"), "mia/app", reference, manifest);
      }),
    );
    const statuses = answers.map(({ status }) => status).toSorted();
    assert.deepEqual(statuses, [201, 403, 403, 403, 403, 403]);
    const winner = answers.find(({ status }) => status === 201)?.headers["docker-content-digest"];
    const { api } = berth.as("admin");
    const { headers } = await api.head("/v2/mia/app/manifests/final").expect(200);
    assert.equal(headers["docker-content-digest"], winner);
    for (const reference of ["final", winner]) {
      const { body } = await api.delete(`/v2/mia/app/manifests/${reference}`).expect(403);
      assert.equal(body.errors[0].code, "DENIED");
    }
    await context.close();
  });
});
