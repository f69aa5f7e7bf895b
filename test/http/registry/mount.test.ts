import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { pushBlob } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";

const berth = await startClosedBerth();
for (const name of ["mia", "ann"]) await berth.addUser(name);
await berth.addOrganisation("team", "ann");
await berth.pushImage("team/private", "ann", "private");
await berth.pushImage("team/public", "ann", "public");
const secret = await pushBlob(berth.as("ann"), "team/private", "only in team/private");
const open = await pushBlob(berth.as("ann"), "team/public", "only in team/public");

describe("a mount", () => {
  const mount = async (
    name: string,
    digest: string,
    from: string | undefined,
    ...more: string[]
  ) => {
    const token = await berth.token(name, `repository:${name}/app:pull,push`, ...more);
    const source = from === undefined ? "" : `&from=${from}`;
    const { api } = berth.with(token);
    const { status } = await api.post(`/v2/${name}/app/blobs/uploads/?mount=${digest}${source}`);
    return status;
  };
  const scope = "repository:team/private:pull";

  test("a mount from a repository that the token may not read starts an upload, like one from a missing one", async () => {
    assert.equal(await mount("mia", secret, "team/private", scope), 202);
    assert.equal(await mount("mia", secret, "team/nothing", "repository:team/nothing:pull"), 202);
    assert.equal(await mount("ann", secret, "team/private"), 202, "the token does not say so");
    assert.equal(await mount("mia", secret, "NOT A NAME"), 202);
  });

  test("the challenge to a mount without a token names both repositories, and leaves out an invalid name", async () => {
    const scopeOf = async (from: string): Promise<string | undefined> => {
      const path = `/v2/mia/app/blobs/uploads/?mount=${secret}&from=${encodeURIComponent(from)}`;
      const { headers } = await berth.api.post(path).expect(401);
      return /scope="([^"]*)"/.exec(headers["www-authenticate"] ?? "")?.[1];
    };
    const target = "repository:mia/app:pull,push";
    assert.equal(await scopeOf("team/private"), `${target} repository:team/private:pull`);
    assert.equal(await scopeOf('a",error="x'), target);
  });

  test("a mount from a repository that the token may read, or from a public one, is answered 201", async () => {
    assert.equal(await mount("ann", secret, "team/private", scope), 201);
    assert.equal(await mount("mia", open, "team/public"), 201);
  });

  test("a mount without a source looks only into repositories that the caller may read", async () => {
    const elsewhere = await pushBlob(berth.as("ann"), "team/private", "looked for everywhere");
    assert.equal(await mount("mia", elsewhere, undefined, scope), 202);
    assert.equal(await mount("mia", digestOf(Buffer.from("nowhere")), undefined), 202);
    assert.equal(await mount("ann", elsewhere, undefined, scope), 201);
    assert.equal(await mount("mia", open, undefined), 201);
  });

  test("a mount with Basic credentials looks into repositories that the account may read", async () => {
    const elsewhere = await pushBlob(berth.as("ann"), "team/private", "with a password");
    const path = (name: string, from: string) =>
      `/v2/${name}/basic/blobs/uploads/?mount=${elsewhere}${from}`;
    await berth.as("mia").api.post(path("mia", "&from=team/private")).expect(202);
    await berth.as("mia").api.post(path("mia", "")).expect(202);
    await berth.as("ann").api.post(path("ann", "&from=team/private")).expect(201);
    await berth.as("ann").api.post(path("ann", "")).expect(201);
  });
});
