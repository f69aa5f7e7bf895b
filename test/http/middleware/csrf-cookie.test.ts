import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sendExactly, session } from "../../support/browser.ts";
import { password, startClosedBerth } from "../../support/closed.ts";

const json = { "content-type": "application/json" };

/** What a browser may send with a request: each combination is one row of the table. */
const sites = [undefined, "same-origin", "same-site", "cross-site", "none"] as const;
const schemes = ["http", "https"] as const;

/**
 * The rules of the table. With the cookie a change must come from a page of the registry. Without it, it must not come
 * from a page of another site; a sign-in must follow both rules.
 */
function isLetThrough(given: {
  readonly method: string;
  readonly site: (typeof sites)[number];
  readonly origin: "own" | "foreign" | "other scheme" | "null" | undefined;
  readonly withCookie: boolean;
  readonly isSignIn: boolean;
}): boolean {
  const { method, site, origin, withCookie, isSignIn } = given;
  if (method === "GET" || method === "HEAD") return true;
  const isOwnPage = site === undefined ? origin === "own" : site === "same-origin";
  const isNotForeign = site !== "cross-site" && origin !== "foreign" && origin !== "null";
  if (withCookie) return isOwnPage;
  return isNotForeign && (isOwnPage || !isSignIn);
}

for (const scheme of schemes)
  describe(`a request of a browser on ${scheme}`, async () => {
    const host = "registry.example.com";
    const settings = scheme === "https" ? { publicUrl: `https://${host}` } : {};
    const berth = await startClosedBerth(settings);
    await berth.addUser("mia");
    const own = scheme === "https" ? `https://${host}` : `http://127.0.0.1:${berth.port}`;
    const signIn = JSON.stringify({ username: "mia", password });
    const sign = async (): Promise<string> => {
      const headers = { ...json, origin: own };
      const answer = await sendExactly(berth.port, "POST", session, headers, signIn);
      assert.equal(answer.status, 204, answer.text);
      return String(answer.headers["set-cookie"]).split(";")[0] ?? "";
    };
    const origins = {
      own,
      foreign: "https://evil.example",
      "other scheme": own.replace(/^https?/, scheme === "https" ? "http" : "https"),
      null: "null",
    } as const;

    for (const [method, target, body] of [
      ["GET", session, ""],
      ["HEAD", session, ""],
      ["POST", session, signIn],
      ["DELETE", "/api/berth/v1/sessions", ""],
      ["PATCH", "/v2/repositories/mia/nothing", "{}"],
      ["PUT", "/v2/orgs/nothing/members/mia", "{}"],
      ["POST", "/v2/mia/app/blobs/uploads/", ""],
    ] as const)
      test(`${method} ${target} is let through only as the rule says, for each site, origin and cookie`, async () => {
        for (const site of sites)
          for (const origin of [undefined, ...Object.keys(origins)] as const)
            for (const withCookie of [true, false]) {
              const known = origin as keyof typeof origins | undefined;
              const headers = {
                ...(body === "" ? {} : json),
                ...(site === undefined ? {} : { "sec-fetch-site": site }),
                ...(known === undefined ? {} : { origin: origins[known] }),
                ...(withCookie ? { cookie: await sign() } : {}),
              };
              const isSignIn = method === "POST" && target === session;
              const { status, text } = await sendExactly(berth.port, method, target, headers, body);
              const what = `${JSON.stringify(headers)}: ${status} ${text}`;
              const through = isLetThrough({ method, site, origin: known, withCookie, isSignIn });
              assert.equal(isRefused(status, text), !through, what);
            }
      });

    test("with an Authorization header the cookie is not read, and its rule does not apply", async () => {
      const basic = `Basic ${Buffer.from(`mia:${password}`).toString("base64")}`;
      const headers = { cookie: await sign(), authorization: basic };
      const answer = await sendExactly(berth.port, "DELETE", "/api/berth/v1/sessions", headers);
      assert.equal(answer.status, 204);
    });

    test("a sign-in or a change with the body of a form is refused", async () => {
      const cookie = await sign();
      for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
        for (const target of [session, "/v2/namespaces/mia/repositories"]) {
          const headers = { cookie, origin: own, "content-type": type };
          assert.equal(
            (await sendExactly(berth.port, "POST", target, headers, signIn)).status,
            415,
          );
        }
    });
  });

/** Whether a request was rejected because of the page that it comes from. */
const isRefused = (status: number, text: string): boolean =>
  status === 403 &&
  /this did not come from Berth's own pages|a page of another site may not change/.test(text);
