import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import supertest from "supertest";
import { startBerth } from "../../support/berth.ts";
import { browserOf, session, sessions, userOf } from "../../support/browser.ts";
import { password, startClosedBerth } from "../../support/closed.ts";
import { temporaryFolder } from "../../support/temporary.ts";

describe("a browser that signs in", async () => {
  const berth = await startClosedBerth();
  for (const name of ["mia", "tom"]) await berth.addUser(name);
  await berth.exec("UPDATE accounts SET full_name = 'Mia M.' WHERE name = 'mia'");
  await berth.addOrganisation("team", "mia");
  await berth.addOrganisation("ops", "tom");
  await berth.exec(`INSERT INTO invites
    SELECT 'invite', o.id, u.id, NULL, 'member', 'tom', 0 FROM accounts o, accounts u
    WHERE o.name = 'ops' AND u.name = 'mia'`);
  await berth.pushImage("mia/private", "mia", "private");

  test("gets a cookie that scripts cannot read, and the database has only the hash of its secret", async () => {
    const browser = browserOf(berth);
    const set = await browser.signIn("mia");
    assert.match(set, /^berth=[\w-]{43}; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Lax$/);
    const rows = await berth.tables.rows("SELECT * FROM browser_sessions");
    assert.ok(!JSON.stringify(rows).includes(browser.secret()));
    const hash = createHash("sha256").update(browser.secret()).digest("hex");
    assert.ok(JSON.stringify(rows).includes(hash));
  });

  test("is answered who it is, and what the registry offers", async () => {
    const browser = browserOf(berth);
    const before = await browser.send("get", session).expect(200);
    const common = {
      ...{ is_open: false, host: `127.0.0.1:${berth.port}`, has_mirrors: false },
      ...{
        create_on_push: true,
        read_only: null,
        version: (before.body as { version: string }).version,
      },
    };
    assert.match(common.version, /^\d+\.\d+\.\d+/);
    assert.deepEqual(before.body, { ...common, user: null, namespaces: [], invites: 0 });
    await browser.signIn("MIA");
    assert.deepEqual((await browser.send("get", session).expect(200)).body, {
      ...common,
      user: { username: "mia", full_name: "Mia M.", is_admin: false },
      namespaces: [
        { name: "mia", role: "owner" },
        { name: "team", role: "owner" },
      ],
      invites: 1,
    });
  });

  test("reads and changes what the user may, and its answers are not cached for others", async () => {
    const browser = browserOf(berth);
    const path = "/api/berth/v1/repositories/mia/private";
    const hidden = await browser.send("get", path).expect(404);
    assert.equal(hidden.headers["cache-control"], "no-store", "it is there for the next session");
    await browser.signIn("mia");
    const { headers } = await browser.send("get", path).expect(200);
    assert.equal(headers["cache-control"], "private, no-cache");
    assert.equal(headers["vary"], "Cookie, Authorization");
    await browser.send("post", "/v2/namespaces/team/repositories", { name: "made" }).expect(201);
    const tom = browserOf(berth);
    await tom.signIn("tom");
    await tom.send("get", path).expect(404);
  });

  test("sees its own lists, also when another user has just asked for the same page", async () => {
    const path = "/api/berth/v1/repositories?namespace=mia";
    const [mia, tom, nobody] = [browserOf(berth), browserOf(berth), browserOf(berth)];
    await mia.signIn("mia");
    await tom.signIn("tom");
    for (const [browser, count] of [
      [mia, 1],
      [tom, 0],
      [nobody, 0],
      [mia, 1],
    ] as const) {
      const { body } = await browser.send("get", path).expect(200);
      assert.equal((body as { count: number }).count, count);
    }
  });

  test("is told with 401 that an access token is no password, and that a wrong password is wrong", async () => {
    const browser = browserOf(berth);
    const token = await berth.addPersonalToken("mia", "repo:admin");
    const wrong = { username: "mia", password: token };
    const { text } = await browser.send("post", session, wrong).expect(401);
    assert.match(text, /this is an access token: sign in with the password/);
    for (const username of ["mia", "nobody", "team"]) {
      const body = { username, password: "not the password" };
      const answer = await browser.send("post", session, body).expect(401);
      assert.match(answer.text, /"Incorrect authentication credentials"/);
      assert.equal(answer.headers["set-cookie"], undefined);
    }
  });

  test("cannot read the distribution API or get a token with the cookie", async () => {
    const browser = browserOf(berth);
    await browser.signIn("mia");
    await browser.send("get", "/api/berth/v1/repositories/mia/private").expect(200);
    for (const path of [
      ...["/v2/", "/v2/_catalog", "/v2/mia/private/tags/list", "/v2/mia/private/manifests/1"],
      ...["/v2/mia/private/manifests/1?long", "/v2/mia/private/referrers/sha256:" + "0".repeat(64)],
    ])
      await browser.send("get", path).expect(401);
    await browser.send("post", "/v2/mia/private/blobs/uploads/").expect(401);
    const scope = "/token?service=berth&scope=repository:mia/private:pull";
    const { body } = await browser.send("get", scope).expect(200);
    const [, claims = ""] = (body as { token: string }).token.split(".");
    assert.deepEqual(
      (JSON.parse(Buffer.from(claims, "base64url").toString()) as { access: unknown }).access,
      [],
    );
  });

  test("is another user if the request has an Authorization header", async () => {
    const browser = browserOf(berth);
    await browser.signIn("mia");
    const asTom = await browser.send("get", session).auth("tom", password).expect(200);
    assert.equal(userOf(asTom), "tom");
    await browser.send("get", session).set("Authorization", "Bearer wrong").expect(401);
  });
});

describe("behind a proxy with TLS", async () => {
  const berth = await startClosedBerth({ publicUrl: "https://registry.example.com" });
  await berth.addUser("mia");
  const origin = "https://registry.example.com";
  const signIn = async (): Promise<string> => {
    const { headers } = await supertest(`http://127.0.0.1:${berth.port}`)
      .post(session)
      .set("Origin", origin)
      .send({ username: "mia", password })
      .expect(204);
    return (headers["set-cookie"] as unknown as string[])[0] ?? "";
  };

  test("the cookie has the prefix __Host- and Secure, and the name for http is not read", async () => {
    const set = await signIn();
    assert.match(
      set,
      /^__Host-berth=[\w-]{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure$/,
    );
    const secret = /=([\w-]{43});/.exec(set)?.[1] ?? "";
    const ask = (cookie: string) => berth.api.get(session).set("Cookie", cookie).expect(200);
    assert.equal(userOf(await ask(`berth=${secret}`)), undefined);
    assert.equal(userOf(await ask(`berth=x; __Host-berth=${secret}`)), "mia");
  });

  test("the sign-out also clears what the browser has cached and stored", async () => {
    const cookie = (await signIn()).split(";")[0] ?? "";
    const { headers } = await berth.api
      .delete(session)
      .set({ Cookie: cookie, Origin: origin })
      .expect(204);
    assert.equal(headers["clear-site-data"], '"cache", "storage"');
    assert.match(String(headers["set-cookie"]), /^__Host-berth=; .*Max-Age=0.*Secure$/);
  });
});

describe("in open mode", () => {
  test("there is no sign-in, and the session says that the registry is open", async (t) => {
    const berth = await startBerth(temporaryFolder());
    t.after(() => berth.close());
    const { body } = await berth.api.get(session).expect(200);
    assert.deepEqual(
      [(body as { is_open: boolean }).is_open, (body as { user: null }).user],
      [true, null],
    );
    const origin = `http://127.0.0.1:${berth.port}`;
    const { text } = await berth.api
      .post(session)
      .set("Origin", origin)
      .send({ username: "mia", password })
      .expect(403);
    assert.match(text, /this registry is open \(auth\.open\)/);
    await berth.api.get(sessions).expect(401);
    await berth.api.delete(session).set("Origin", origin).expect(204);
  });
});

describe("wrong passwords at the sign-in", () => {
  test("are limited as those of every other login", async () => {
    const berth = await startClosedBerth();
    await berth.addUser("mia");
    const browser = browserOf(berth);
    let limited;
    for (let count = 0; count < 40 && limited === undefined; count += 1) {
      const body = { username: "mia", password: `wrong password ${count}` };
      const answer = await browser.send("post", session, body);
      if (answer.status === 429) limited = answer;
      else assert.equal(answer.status, 401);
    }
    assert.ok(Number(limited?.headers["retry-after"]) > 0);
  });
});
