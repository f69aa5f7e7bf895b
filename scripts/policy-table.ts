/**
 * `npm run policy`: prints a table of the permissions of every kind of credentials on every route, as a running Berth
 * answers. Exits with 1 if an answer differs from `test/policy/table.ts`.
 */
import { test } from "node:test";
import process from "node:process";
import { openWorld, outcomeOf, walk } from "../test/policy/matrix.ts";
import { requestAuthenticator, routes, type Visibility } from "../test/policy/table.ts";

const legend = `Each cell: a private repository, a public one, one that is not there.
  +  let in          -  401, the token has no right to it
  ?  401, no token   x  401, the token or the password is no good
  0  404, as if it were not there     #  403, who may read it may not do that
  !  not what was expected
`;
const visibilities: readonly Visibility[] = ["private", "public", "missing"];

// The table is printed at once, because the test runner prints its own lines in between.
await test("every route answers as test/policy/table.ts says", async () => {
  const marks = new Map<string, string>();
  let wrong = 0;
  for await (const cell of walk(await openWorld())) {
    const { route, grant, visibility, expected, answer } = cell;
    const outcome = outcomeOf(cell);
    const isRight =
      JSON.stringify(outcome) === JSON.stringify(expected) &&
      (answer.status !== 403 || "forbidden" in outcome);
    if (!isRight) wrong += 1;
    const key = `${route} ${grant} ${visibility}`;
    if (marks.get(key) !== "!") marks.set(key, isRight ? markOf(outcome) : "!");
  }
  process.stdout.write(tableOf(marks));
  if (wrong > 0) throw new Error(`${wrong} answers are not what was expected`);
});

function markOf(outcome: ReturnType<typeof outcomeOf>): string {
  if (outcome.admitted) return "+";
  if ("unknown" in outcome) return "0";
  if ("forbidden" in outcome) return "#";
  if (outcome.error === undefined) return "?";
  return outcome.error === "invalid_token" ? "x" : "-";
}

function tableOf(marks: ReadonlyMap<string, string>): string {
  const columns = Object.keys(requestAuthenticator);
  const widest = Math.max(...Object.keys(routes).map((route) => route.length));
  const heads = columns.map((name, at) => `${" ".repeat(widest + 3)}${"│   ".repeat(at)}${name}\n`);
  const lines = Object.keys(routes).map((route) => {
    const cells = columns.map((grant) =>
      visibilities.map((kind) => marks.get(`${route} ${grant} ${kind}`) ?? " ").join(""),
    );
    return `${route.padEnd(widest + 3)}${cells.join(" ")}\n`;
  });
  return `${legend}\n${heads.toReversed().join("")}${lines.join("")}`;
}
