import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pushImageParts, putManifest } from "../../support/berth.ts";
import { password, startClosedBerth } from "../../support/closed.ts";
import { waitUntil } from "../../support/wait.ts";
import { hubAs } from "./support.ts";

/* Requests of programs for Docker Hub, copied from their sources. The real hub-tool runs in test/clients. */

describe("requests of programs for Docker Hub", async () => {
  const berth = await startClosedBerth();
  await berth.addUser("mia");
  for (const tag of ["1.4.0", "1.5.0"]) {
    const { manifest } = await pushImageParts(berth.as("mia"), "mia/app", { layer: tag });
    await putManifest(berth.as("mia"), "mia/app", tag, manifest).expect(201);
    const pushedAtMs = Date.now();
    await waitUntil("the next tag is younger", () => Date.now() > pushedAtMs);
  }
  await berth.exec("UPDATE repositories SET visibility = 'public'");

  test("peter-evans/dockerhub-description logs in with an access token and updates the README", async () => {
    // It logs in with an access token and sends one PATCH request.
    const secret = await berth.addPersonalToken("mia", "repo:admin");
    const { body } = await berth.api
      .post("/v2/users/login")
      .set("Content-Type", "application/json")
      .send(JSON.stringify({ username: "mia", password: secret }))
      .expect(200);
    const { token } = body as { token: string };
    const patch = (description: string) =>
      berth.api
        .patch("/v2/repositories/mia/app")
        .set("Content-Type", "application/json")
        .set("Authorization", `JWT ${token}`)
        .send(
          JSON.stringify({
            full_description: "# App\n",
            description,
            registry: "registry-1.docker.io",
          }),
        );
    await patch("an app").expect(200);
    const shown = await berth.api.get("/v2/repositories/mia/app/").expect(200);
    const { full_description, description } = shown.body as Record<string, string>;
    assert.deepEqual([full_description, description], ["# App\n", "an app"]);
    await patch("x".repeat(101)).expect(400);
    // It reads the token from `token`, and treats an answer that has one of these fields as an error.
    for (const word of ["detail", "error", "message"]) assert.ok(!(word in (body as object)));
  });

  test("peter-evans/dockerhub-description is answered 403 if its token has only repo:write", async () => {
    const secret = await berth.addPersonalToken("mia", "repo:write");
    const { body } = await berth.api
      .post("/v2/users/login")
      .send({ username: "mia", password: secret });
    await berth.api
      .patch("/v2/repositories/mia/app")
      .set("Authorization", `JWT ${(body as { token: string }).token}`)
      .send({ full_description: "# Other\n" })
      .expect(403);
  });

  test("shields.io reads stars, pulls, sizes and versions", async () => {
    const anonymous = await hubAs(berth);
    const repository = (await anonymous("get", "/v2/repositories/mia/app/")).body;
    assert.equal(typeof repository["star_count"], "number");
    assert.equal(typeof repository["pull_count"], "number");
    // The version badge reads all pages of tags; the size badge reads one tag.
    const page = await anonymous(
      "get",
      "/v2/repositories/mia/app/tags?page_size=100&ordering=last_updated&page=1",
    );
    const results = page.body["results"] as unknown as {
      name: string;
      images: { digest: string; size: number; architecture: string }[];
    }[];
    assert.equal(results[0]?.name, "1.5.0");
    assert.equal(results[0]?.images[0]?.architecture, "amd64");
    const size = await anonymous("get", "/v2/repositories/mia/app/tags/1.5.0");
    assert.ok(Number(size.body["full_size"]) > 0);
    assert.ok(Number(size.body["images"]?.[0]?.["size"]) > 0);
  });

  test("Renovate reads every tag with a numeric id, dates in UTC and a digest", async () => {
    const anonymous = await hubAs(berth);
    const path = "/v2/repositories/mia/app/tags?page_size=1000&ordering=last_updated";
    const { body } = await anonymous("get", path);
    assert.equal(typeof body["count"], "number");
    assert.equal(body["next"], null);
    for (const tag of body["results"] as unknown as Record<string, unknown>[]) {
      assert.ok(Number.isSafeInteger(tag["id"]));
      for (const field of ["last_updated", "tag_last_pushed"])
        assert.match(String(tag[field]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
      assert.match(String(tag["digest"]), /^sha256:/);
    }
  });

  test("hub-mcp logs in at /v2/auth/token, creates a private repository and reads it", async () => {
    const { body } = await berth.api
      .post("/v2/auth/token")
      .send({ identifier: "mia", secret: password })
      .expect(200);
    const { access_token } = body as { access_token: string };
    const bearer = { Authorization: `Bearer ${access_token}` };
    const made = { name: "made", namespace: "mia", is_private: true };
    await berth.api.post("/v2/namespaces/mia/repositories").set(bearer).send(made).expect(201);
    await berth.api.head("/v2/namespaces/mia/repositories/made").set(bearer).expect(200);
    await berth.api.head("/v2/namespaces/mia/repositories/made").expect(404);
    await berth.api.head("/v2/namespaces/mia/repositories/made/tags").set(bearer).expect(200);
  });
});
