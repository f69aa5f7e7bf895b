import { request } from "node:http";
import supertest from "supertest";
import type { TestBerth } from "./berth.ts";
import { password } from "./closed.ts";

export const session = "/api/berth/v1/session";
export const sessions = "/api/berth/v1/sessions";

/** The name of the user in an answer of {@link session}; `undefined`: nobody is signed in. */
export const userOf = ({ body }: { body: unknown }): string | undefined =>
  (body as { user: { username: string } | null }).user?.username;

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
      const answer = await send("post", session, {
        username,
        password: secret,
      }).expect(204);
      const [set = ""] = answer.headers["set-cookie"] as unknown as string[];
      cookie = set.split(";")[0] ?? "";
      return set;
    },
  };
}

/** Sends a request with exactly these headers, like a browser, and returns the status, headers and text. */
export async function sendExactly(
  port: number,
  method: string,
  target: string,
  headers: Readonly<Record<string, string>> = {},
  body = "",
): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; text: string }> {
  return await new Promise((resolve, reject) => {
    const asked = request({ port, host: "127.0.0.1", method, path: target, headers });
    asked.on("error", reject).on("response", (response) => {
      let text = "";
      response.setEncoding("latin1").on("data", (piece: string) => (text += piece));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
    });
    if (body !== "") asked.setHeader("Content-Length", Buffer.byteLength(body));
    asked.end(body);
  });
}
