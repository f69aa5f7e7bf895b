import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pageAt, redirectAt, tagAddress } from "../../web/addresses.ts";
import { firstCalls } from "../../web/first-calls.ts";
import { pastedAddress } from "../../web/pasted.ts";

describe("addresses of pages", () => {
  test("have a repository name of any depth, and end it with a dash", () => {
    assert.deepEqual(pageAt("/r/a/b/c/-/tags/1.0/history"), {
      page: "history",
      params: { name: "a/b/c", tag: "1.0" },
    });
    assert.deepEqual(pageAt("/r/alpine"), { page: "repository", params: { name: "alpine" } });
    assert.equal(pageAt("/r/team/tags")?.page, "repository");
    assert.equal(pageAt("/r/a/-/tags")?.page, "tags");
  });

  test("do not exist for names that no repository can have", () => {
    for (const path of ["/r/", "/r/A/b", "/r/a//b", "/r/../etc", "/r/a/%", "/u/", "/admin/x", "/x"])
      assert.equal(pageAt(path), undefined, path);
  });

  test("ask first for what decides the status of the page", () => {
    const address = pageAt(tagAddress("alpine", "3.20"));
    assert.ok(address);
    assert.equal(
      firstCalls(address, new URLSearchParams())[0],
      "/api/berth/v1/repositories/library/alpine/-/tags/3.20",
    );
  });

  test("of an account ask first for the list that only its members may see", () => {
    const first = (path: string, query = "") => {
      const address = pageAt(path);
      assert.ok(address);
      return firstCalls(address, new URLSearchParams(query))[0];
    };
    assert.equal(first("/u/team"), "/api/berth/v1/namespaces/team");
    assert.equal(
      first("/u/team/-/members", "search=mi&page=2&other=x"),
      "/v2/orgs/team/members?search=mi&page=2&page_size=25",
    );
    assert.equal(first("/u/team/-/teams/devs"), "/v2/orgs/team/groups/devs");
    assert.equal(first("/u/a%2Fb/-/invites"), "/v2/orgs/a%2Fb/invites");
  });

  test("of Docker Hub lead to the same page here, and paths of the API to none", () => {
    assert.equal(redirectAt("/_/alpine"), "/r/alpine");
    assert.equal(redirectAt("/r/team/app/tags"), "/r/team/app/-/tags");
    assert.equal(redirectAt("/team/app@sha256:abc"), "/r/team/app/-/digests/sha256:abc");
    for (const path of ["/v2/x:1", "/api/x:1", "/token:1", "/assets/a:b", "/search", "/"])
      assert.equal(redirectAt(path), undefined, path);
  });
});

describe("a text that is pasted into the search", () => {
  const at = (text: string) => pastedAddress(text, "registry.lan:5000", "http://registry.lan:5000");
  test("opens the page of an image reference, with or without the host and the command", () => {
    const page = "/r/team/app/-/tags/1.4";
    for (const text of [
      "team/app:1.4",
      "registry.lan:5000/team/app:1.4",
      "docker pull registry.lan:5000/team/app:1.4",
      " podman pull registry.lan:5000/team/app:1.4 ",
      "docker://registry.lan:5000/team/app:1.4",
    ])
      assert.equal(at(text), page, text);
    assert.equal(at("registry.lan:5000/team/app"), "/r/team/app");
  });

  test("opens the page of a digest", () => {
    const digest = `sha256:${"a".repeat(64)}`;
    assert.equal(at(`alpine@${digest}`), `/r/alpine/-/digests/${digest}`);
    assert.equal(at(`alpine:3@${digest}`), `/r/alpine/-/digests/${digest}`);
  });

  test("opens the page of an address of Docker Hub or of this registry", () => {
    assert.equal(at("https://hub.docker.com/_/alpine"), "/r/alpine");
    assert.equal(at("hub.docker.com/r/team/app/tags"), "/r/team/app/-/tags");
    assert.equal(at("https://hub.docker.com/r/team/app"), "/r/team/app");
    assert.equal(at("http://registry.lan:5000/r/team/app"), "/r/team/app");
  });

  test("is a search in all other cases", () => {
    for (const text of ["web", "web server", "https://example.com/x", "team/app", "a:b:c"])
      assert.equal(at(text), undefined, text);
  });
});
