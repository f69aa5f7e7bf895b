import assert from "node:assert/strict";
import { describe, test } from "node:test";
import supertest from "supertest";
import { password, startClosedBerth } from "../../support/closed.ts";

const berth = await startClosedBerth();
await berth.addUser("ann");
const ann = berth.as("ann");
await berth.pushImage("ann/app", "ann", "private");

const page = (path: string, accept = "text/html") =>
  supertest(`http://127.0.0.1:${berth.port}`).get(path).set("Accept", accept).redirects(0);

function answersIn(html: string): Readonly<Record<string, { readonly status: number }>> {
  const [, data = ""] =
    /<script type="application\/json" id="first">(.*)<\/script>/.exec(html) ?? [];
  return JSON.parse(data) as Record<string, { status: number }>;
}

describe("web pages", () => {
  test("have the answers of their first API calls in the HTML", async () => {
    const response = await page("/search?q=app");
    assert.equal(response.status, 200);
    assert.match(response.headers["content-type"] ?? "", /^text\/html/);
    const answers = answersIn(response.text);
    const search = Object.entries(answers).find(([url]) => url.startsWith("/api/berth/v1/search?"));
    assert.equal(search?.[1].status, 200);
    assert.equal(answers["/api/berth/v1/session"]?.status, 200);
  });

  test("have these answers also if the browser asks whether the page has changed", async () => {
    const { headers } = await berth.api.get("/api/berth/v1/search?page_size=25").expect(200);
    for (const known of [headers["etag"] ?? "", "*"]) {
      const { text } = await page("/search").set("If-None-Match", known);
      assert.ok(Object.keys(answersIn(text)).length > 0);
      for (const [url, { status }] of Object.entries(answersIn(text)))
        assert.equal(status, 200, url);
    }
  });

  test("are not kept by a cache for another user", async () => {
    const { headers } = await page("/");
    assert.equal(headers["cache-control"], "private, no-cache");
    assert.match(headers["vary"] ?? "", /\bCookie\b/);
  });

  test("leave out answers of more than 64 KiB, which the page asks for itself", async () => {
    await berth.pushImage("ann/long", "ann", "public");
    const text = { full_description: "漢".repeat(24_000) };
    await ann.api.patch("/v2/namespaces/ann/repositories/long").send(text).expect(200);
    const long = await page("/r/ann/long");
    assert.equal(long.status, 200);
    assert.deepEqual(answersIn(long.text), {});
  });

  test("send a policy that allows only scripts and styles of the registry, and no inline script", async () => {
    const { headers, text } = await page("/");
    const policy = headers["content-security-policy"] ?? "";
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ])
      assert.ok(policy.includes(part), part);
    assert.ok(!policy.includes("unsafe"));
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["referrer-policy"], "same-origin");
    assert.ok(!/<script(?![^>]*(?:src=|application\/json))/.test(text), "an inline script");
    assert.ok(!/\sstyle=|\son\w+=/.test(text.replace(/<script.*/s, "")), "an inline style");
  });

  test("of an unknown and of a hidden repository are the same 404", async () => {
    const unknown = await page("/r/ann/nope");
    const hidden = await page("/r/ann/app");
    assert.equal(unknown.status, 404);
    assert.equal(hidden.status, 404);
    const withoutName = (text: string) =>
      text.replaceAll(/ann\/(?:nope|app)|ann%2F\w+|repositories\/(?:nope|app)/g, "NAME");
    assert.equal(withoutName(hidden.text), withoutName(unknown.text));
  });

  test("show a private repository to its owner, who sends a password", async () => {
    const response = await page("/r/ann/app").auth("ann", password);
    assert.equal(response.status, 200);
    assert.match(response.text, /<title>ann\/app · Berth<\/title>/);
  });

  test("leave all other paths to the API: JSON 404 without a page, and no page for other types", async () => {
    const other = await page("/nothing/here");
    assert.equal(other.status, 404);
    assert.match(other.headers["content-type"] ?? "", /json/);
    const json = await page("/search", "application/json");
    assert.equal(json.status, 404);
    assert.match(json.headers["content-type"] ?? "", /json/);
    const posted = await supertest(`http://127.0.0.1:${berth.port}`).post("/search");
    assert.equal(posted.status, 404);
  });

  test("escape what other people wrote", async () => {
    await ann.api.patch("/v2/namespaces/ann/repositories/app").send({
      description: `</script><script>alert(1)</script>"'&`,
      is_private: false,
    });
    const { text } = await page("/r/ann/app");
    assert.ok(!text.includes("<script>alert"), "the description ends an element");
    assert.match(text, /content="&lt;\/script&gt;&lt;script&gt;alert\(1\)/);
  });

  test("redirect from addresses of Docker Hub and from image references", async () => {
    for (const [from, to] of [
      ["/_/alpine", "/r/alpine"],
      ["/r/ann/app/tags", "/r/ann/app/-/tags"],
      ["/layers/ann/app/1.0/images/sha256-abc", "/r/ann/app/-/tags/1.0"],
      ["/repository/docker/ann/app/general", "/r/ann/app"],
      ["/ann/app:1.0", "/r/ann/app/-/tags/1.0"],
      ["/alpine:3.20", "/r/alpine/-/tags/3.20"],
    ] as const) {
      const response = await page(from);
      assert.equal(response.status, 302, from);
      assert.equal(response.headers["location"], to);
    }
    assert.equal((await page("/ann/app:1.0", "*/*")).status, 404);
  });

  test("keep the page of a repository whose name ends with tags", async () => {
    await berth.pushImage("ann/app/tags", "ann", "private");
    const owner = await page("/r/ann/app/tags").auth("ann", password);
    assert.equal(owner.status, 200);
    assert.equal((await page("/r/ann/app/tags")).status, 302);
  });
});

describe("files of the web pages", () => {
  test("are compressed, and cached for ever because their names have a hash", async () => {
    const { text } = await page("/");
    const [script = ""] = /\/assets\/main-\w+\.js/.exec(text) ?? [];
    const response = await page(script, "*/*").set("Accept-Encoding", "br");
    assert.equal(response.status, 200);
    assert.equal(response.headers["content-encoding"], "br");
    assert.equal(response.headers["cache-control"], "public, max-age=31536000, immutable");
    const plain = await page(script, "*/*").set("Accept-Encoding", "identity");
    assert.equal(plain.headers["content-encoding"], undefined);
  });

  test("without a hash in the name are cached for a day", async () => {
    const { headers } = await page("/favicon.svg", "*/*");
    assert.equal(headers["cache-control"], "max-age=86400");
  });

  test("do not include other files of the server", async () => {
    for (const path of ["/assets/files.json", "/assets/../package.json", "/assets/%2e%2e/main.js"])
      assert.equal((await page(path, "*/*")).status, 404, path);
  });

  test("forbid search engines by default", async () => {
    assert.match((await page("/robots.txt", "*/*")).text, /Disallow: \//);
  });
});
