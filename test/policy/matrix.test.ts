import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openWorld, outcomeOf, repositories, servedRoutes, walk, type Cell } from "./matrix.ts";
import { routes } from "./table.ts";

const cells: Cell[] = [];
for await (const cell of walk(await openWorld())) cells.push(cell);
const nameOf = ({ method, route, grant, way, visibility }: Cell): string =>
  `${method} ${route.split(" ")[1]} by ${grant} (${way}), ${visibility}`;

describe("the policy of the registry API", () => {
  test("the table has a row for every route, and every row is a route", () => {
    assert.deepEqual(servedRoutes().toSorted(), Object.keys(routes).toSorted());
  });

  test("the server allows and rejects as the table says for every route, caller and visibility", () => {
    assert.ok(cells.length > 1500, `only ${cells.length} requests were made`);
    const wrong = cells.flatMap((cell) => {
      const outcome = outcomeOf(cell);
      const isRight =
        JSON.stringify(outcome) === JSON.stringify(cell.expected) && cell.answer.status !== 403;
      return isRight ? [] : [{ name: nameOf(cell), status: cell.answer.status, outcome }];
    });
    assert.deepEqual(wrong, []);
  });

  test("an authorized caller reads existing manifests, and gets NAME_UNKNOWN for a missing repository", () => {
    const found = cells.filter(
      ({ route, answer }) => route.endsWith("manifests/:reference") && answer.status === 200,
    );
    assert.ok(found.length > 20);
    const unknown = cells.filter(
      ({ method, route, visibility, answer }) =>
        method === "GET" &&
        route.endsWith("/tags/list") &&
        visibility === "missing" &&
        answer.status !== 401,
    );
    assert.ok(unknown.length > 0);
    for (const { answer } of unknown) assert.match(answer.body, /NAME_UNKNOWN/);
  });

  test("a forbidden and a missing repository are rejected with the same bytes", () => {
    const refused = cells.filter(
      (cell) => cell.answer.status === 401 && cell.visibility !== "public",
    );
    const pairs = new Map<string, Cell[]>();
    for (const cell of refused) {
      const key = nameOf({ ...cell, visibility: "private" });
      pairs.set(key, [...(pairs.get(key) ?? []), cell]);
    }
    let compared = 0;
    for (const [name, [first, second]] of pairs) {
      if (first === undefined || second === undefined) continue;
      assert.deepEqual(telling(second), telling(first), name);
      compared += 1;
    }
    assert.ok(compared > 200, `only ${compared} pairs were compared`);
  });

  test("every 401 has exactly one challenge in one WWW-Authenticate header", () => {
    for (const cell of cells.filter(({ answer }) => answer.status === 401)) {
      const challenge = String(cell.answer.headers["www-authenticate"]);
      assert.match(
        challenge,
        /^Bearer realm="http:\/\/localhost:\d+\/token",service="berth"(?:,scope="[^" ]+")?(?:,error="[a-z_]+")?(?:,error_description="[^",=]+")?$/,
        nameOf(cell),
      );
      if (cell.method !== "HEAD") assert.match(cell.answer.body, /"code":"UNAUTHORIZED"/);
    }
  });
});

/** The answer without its Date and its request id, and with NAME in place of the repository; both names have the same length. */
function telling({ answer, visibility }: Cell): unknown {
  const { date: _, "x-request-id": __, ...headers } = answer.headers;
  const name = repositories[visibility];
  // A push is told the name with another namespace.
  return JSON.stringify({ ...answer, headers })
    .replaceAll(name, "NAME")
    .replaceAll(`/${name.split("/").at(-1)}`, "/LAST");
}
