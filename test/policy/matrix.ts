import { request } from "node:http";
import type { HubPermission } from "../../src/auth/hub-policy.ts";

import { isHubRoute } from "../../src/http/route.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { resign } from "../auth/tokens/forged-tokens.ts";
import { password, startClosedBerth, type ClosedBerth } from "../support/closed.ts";
import { everyRoute } from "../support/route-table.ts";
import {
  requestAuthenticator,
  expectedOf,
  routes,
  type CallerName,
  type Expected,
  type Visibility,
} from "./table.ts";

export interface Cell {
  readonly route: string;
  readonly method: string;
  readonly grant: CallerName;
  /** How the request authenticates. */
  readonly way: "nothing" | "bearer" | "basic";
  readonly visibility: Visibility;
  readonly expected: Expected;
  readonly answer: Answer;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

export const repositories: Readonly<Record<Visibility, string>> = {
  private: "team/private",
  public: "team/public",
  missing: "team/missing",
};
const visibilities = ["private", "public", "missing"] as const;
const names: Readonly<Record<Exclude<CallerName, "nobody" | "anonymous" | "robot">, string>> = {
  stranger: "mia",
  reader: "rita",
  writer: "walt",
  "admin of the repository": "adam",
  "owner of the organisation": "ann",
  "owner of another organisation": "olga",
  administrator: "admin",
  expired: "adam",
  disabled: "dora",
  "wrong audience": "adam",
};
const absent = digestOf(Buffer.from("never pushed"));

/** The routes of the registry API in the server's route table, as `GET /v2/…`. */
export function servedRoutes(): readonly string[] {
  return everyRoute.filter((route) => !isHubRoute(route)).map(nameOfRoute);
}

/** The routes of the Hub-shaped API in the server's route table, with the permissions that they require. */
export function servedHubRoutes(): readonly {
  readonly name: string;
  readonly needs: HubPermission;
}[] {
  return everyRoute
    .filter(isHubRoute)
    .map((route) => ({ name: nameOfRoute(route), needs: route.requires }));
}

const nameOfRoute = ({ method, path }: { readonly method: string; readonly path: string }) =>
  `${method.toUpperCase()} ${path}`;

/** Starts a registry with all accounts and repositories of the table. */
export async function openWorld(): Promise<ClosedBerth> {
  const berth = await startClosedBerth();
  for (const name of ["mia", "rita", "walt", "adam", "ann", "olga", "dora"])
    await berth.addUser(name);
  await berth.addOrganisation("team", "ann");
  await berth.addOrganisation("other", "olga");
  await berth.pushImage(repositories.private, "ann", "private");
  await berth.pushImage(repositories.public, "ann", "public");
  for (const [name, permission] of [
    ["rita", "read"],
    ["walt", "write"],
    ["adam", "admin"],
    ["dora", "admin"],
  ]) {
    await berth.exec(`INSERT INTO collaborators SELECT repositories.id, accounts.id, '${permission}'
      FROM repositories, accounts WHERE accounts.name = '${name}'`);
  }
  return berth;
}

/** Requests every route as every caller with every authentication, and yields the expected and the real answer. */
export async function* walk(berth: ClosedBerth): AsyncGenerator<Cell> {
  const robot = await berth.addRobot("team", [
    { type: "TYPE_REPO", path: "team/*", scopes: ["scope-image-push"] },
  ]);
  const key = await berth.key();
  const scopes = [...visibilities.map((kind) => `repository:${repositories[kind]}:*`)];
  const tokenOf = (name: string | undefined, secret = password) =>
    tokenFor(berth, name, secret, [...scopes, "registry:catalog:*"]);

  const now = Math.floor(Date.now() / 1000);
  const adams = await tokenOf("adam");
  await berth.exec("UPDATE accounts SET disabled = 1 WHERE name = 'dora'");
  for (const grant of Object.keys(requestAuthenticator) as CallerName[]) {
    const ways: [Cell["way"], string | undefined][] = [];
    const basic = (name: string, secret = password): string =>
      `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;
    if (grant === "nobody") ways.push(["nothing", undefined]);
    else if (grant === "anonymous") ways.push(["bearer", `Bearer ${await tokenOf(undefined)}`]);
    else if (grant === "robot") {
      ways.push(["bearer", `Bearer ${await tokenOf("team", robot)}`]);
      ways.push(["basic", basic("team", robot)]);
    } else if (grant === "expired")
      ways.push(["bearer", `Bearer ${resign(adams, key.privateKey, { exp: now - 1 })}`]);
    else if (grant === "wrong audience")
      ways.push(["bearer", `Bearer ${resign(adams, key.privateKey, { aud: "other" })}`]);
    // A disabled account gets no new bearer token, so only Basic credentials are tested here.
    else {
      if (grant !== "disabled") ways.push(["bearer", `Bearer ${await tokenOf(names[grant])}`]);
      ways.push(["basic", basic(names[grant])]);
    }
    for (const [way, authorization] of ways)
      for (const route of Object.keys(routes))
        for (const visibility of visibilities)
          yield* ask(berth, { route, grant, way, visibility }, authorization);
  }
}

async function* ask(
  berth: ClosedBerth,
  cell: Pick<Cell, "route" | "grant" | "way" | "visibility">,
  authorization: string | undefined,
): AsyncGenerator<Cell> {
  const repository = repositories[cell.visibility];
  const [method = "", path = ""] = cell.route.split(" ");
  const target = path
    .replace("*name", repository)
    .replace(":digest", absent)
    .replace(":reference", method === "GET" ? "1" : "absent")
    .replace(":id", "01234567-0123-0123-0123-0123456789ab");
  const body = routes[cell.route]?.body;
  // The token endpoint is called without credentials; test/http/token/endpoint.test.ts tests wrong ones.
  const shown = path === "/token" ? undefined : authorization;
  const expected = expectedOf(cell.route, cell.grant, cell.visibility, repository);
  for (const spelled of method === "GET" ? ["GET", "HEAD"] : [method]) {
    const answer = await send(berth.port, spelled, target, shown, body);
    yield { ...cell, method: spelled, expected, answer };
  }
}

function send(
  port: number,
  method: string,
  path: string,
  authorization: string | undefined,
  body: string | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = authorization === undefined ? {} : { authorization };
    const sent = request({ port, method, path, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
    sent.on("error", reject).end(body);
  });
}

async function tokenFor(
  berth: ClosedBerth,
  name: string | undefined,
  secret: string,
  scopes: readonly string[],
): Promise<string> {
  const { api } = name === undefined ? berth : berth.as(name, secret);
  const { body } = await api.get("/token").query({ scope: scopes }).expect(200);
  return (body as { token: string }).token;
}

/** The answer in the form of the table: admitted, or the parts of its challenge. */
export function outcomeOf({ answer }: Cell): Expected {
  const { status, headers } = answer;
  if (status !== 401) return { admitted: true };
  const challenge = String(headers["www-authenticate"]);
  const error = /error="([^"]*)"/.exec(challenge)?.[1] as "invalid_token" | undefined;
  return { admitted: false, scope: /scope="([^"]*)"/.exec(challenge)?.[1], error };
}
