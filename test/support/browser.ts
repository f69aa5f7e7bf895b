import supertest from "supertest";
import type { TestBerth } from "./berth.ts";
import { password } from "./closed.ts";

/** Sends requests as a page of the registry in a browser: with its Origin and the cookie. */
export function browserOf(berth: TestBerth, agent = "Firefox") {
  const origin = `http://127.0.0.1:${berth.port}`;
  let cookie = "";
  const send = (
    method: "get" | "post" | "put" | "patch" | "delete",
    path: string,
    body?: object,
  ) => {
    const request = supertest(origin)[method](path).set("User-Agent", agent);
    if (method !== "get") request.set("Origin", origin);
    if (cookie !== "") request.set("Cookie", `other=1; ${cookie}; last=2`);
    return body === undefined ? request : request.send(body);
  };
  return {
    send,
    secret: () => cookie.replace(/^berth=/, ""),
    signIn: async (username: string, secret = password) => {
      const answer = await send("post", "/api/berth/v1/session", {
        username,
        password: secret,
      }).expect(204);
      const [set = ""] = answer.headers["set-cookie"] as unknown as string[];
      cookie = set.split(";")[0] ?? "";
      return set;
    },
  };
}
