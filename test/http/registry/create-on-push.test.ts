import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { describeApi } from "../../support/describe-api.ts";
import { startClosedBerth } from "../../support/closed.ts";

const settings = { "repositories.createOnPush": "false" };

describeApi(
  "a push to what is not there, where a push makes nothing",
  (berth) => {
    test("every kind of upload start is rejected with 404 NAME_UNKNOWN and creates no repository", async () => {
      const { api } = berth();
      const digest = digestOf(Buffer.from("x"));
      for (const query of [
        "",
        `?mount=${digest}`,
        `?mount=${digest}&from=a/b`,
        `?digest=${digest}`,
      ]) {
        const { status, body } = await api.post(`/v2/new/app/blobs/uploads/${query}`);
        assert.equal(status, 404, query);
        assert.equal(body.errors[0].code, "NAME_UNKNOWN", query);
        assert.match(body.errors[0].message, /pushes create none/);
      }
      const { body } = await api.get("/v2/_catalog").expect(200);
      assert.deepEqual(body.repositories, []);
    });
  },
  settings,
);

describe("with repositories.createOnPush=false and accounts", () => {
  test("owners and administrators get no push token and 401 until the repository exists", async () => {
    const berth = await startClosedBerth(settings);
    await berth.addUser("mia");
    for (const name of ["mia", "admin"]) {
      const token = await berth.token(name, "repository:mia/app:pull,push,delete");
      const { access } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
      assert.ok(!JSON.stringify(access).includes("push"));
      await berth.with(token).api.post("/v2/mia/app/blobs/uploads/").expect(401);
      await berth.as(name).api.post("/v2/mia/app/blobs/uploads/").expect(401);
    }
    await berth.exec(`INSERT INTO repositories (name, namespace, created_at, updated_at)
      VALUES ('mia/app', 'mia', 0, 0)`);
    await berth.as("mia").api.post("/v2/mia/app/blobs/uploads/").expect(202);
  });
});
