import assert from "node:assert/strict";
import { test } from "node:test";
import { parseResults, problemsIn } from "./results.ts";

const yaml = "apis:\n  Ping: Pass\n  Tag listing: Pass\ndata:\n  Image: Pass\n";

function report(counts: string, ...cases: string[]): string {
  return `<testsuites time="1.0" ${counts}>\n${cases.join("\n")}\n</testsuites>`;
}

function check(name: string, status: string, more = ""): string {
  return `<testcase name="OCI Conformance Test/${name}" classname="" status="${status}">${more}</testcase>`;
}

test("a run in which all checks pass has no problems", () => {
  const junit = report('tests="2"', check("ping", "passed"), check("empty/tag list", "passed"));
  const results = parseResults({ junit, yaml });
  assert.deepEqual(results.counts, { Pass: 2, FAIL: 0, Error: 0, Skip: 0, Disabled: 0 });
  assert.deepEqual(problemsIn(results, []), []);
});

test("each failed, broken or skipped check is a problem with its name and reason", () => {
  const junit = report(
    'tests="4" failures="1" errors="1" skipped="1"',
    check("ping", "passed"),
    check("a", "failure", "<system-out>expected &#34;x&#34; &lt; 3</system-out>"),
    check("b", "error"),
    check("c", "skipped", "<system-out>not supported</system-out>"),
  );
  const problems = problemsIn(parseResults({ junit, yaml }), []);
  assert.deepEqual(problems, ['FAIL: a: expected "x" < 3', "Error: b", "Skip: c: not supported"]);
});

test("a disabled check is a problem unless the profile disables it", () => {
  const off = "<system-err>api X is disabled in the configuration</system-err>";
  const junit = report(
    'tests="2" disabled="1"',
    check("ping", "passed"),
    check("blobs/cancel", "skipped", off),
  );
  const results = parseResults({ junit, yaml });
  assert.deepEqual(problemsIn(results, ["cancel"]), []);
  assert.deepEqual(problemsIn(results, []), ["Disabled: blobs/cancel"]);
});

test("an API or data set that did not pass is a problem even if no check failed", () => {
  const junit = report('tests="1"', check("ping", "passed"));
  for (const status of ["FAIL", "Error", "Skip", "Disabled", "Unknown"]) {
    const results = parseResults({ junit, yaml: yaml.replace("Image: Pass", `Image: ${status}`) });
    assert.equal(problemsIn(results, []).length, 1);
  }
});

test("a count of failed or disabled checks is a problem even if no check is named", () => {
  const failed = report('tests="2" failures="1"', check("ping", "passed"));
  assert.equal(problemsIn(parseResults({ junit: failed, yaml }), []).length, 1);
  const disabled = report('tests="2" disabled="1"', check("ping", "passed"));
  assert.equal(problemsIn(parseResults({ junit: disabled, yaml }), []).length, 1);
});

test("the parser throws if a report is missing, truncated or empty", () => {
  const whole = report('tests="1"', check("ping", "passed"));
  for (const junit of [
    "",
    whole.slice(0, -5),
    report(""),
    report('tests="1"', check("a", "failure")),
  ]) {
    assert.throws(() => parseResults({ junit, yaml }));
  }
  for (const broken of ["", "apis:\n  Ping: Pass\n", "apis: {}\ndata: {}\n"]) {
    assert.throws(() => parseResults({ junit: whole, yaml: broken }));
  }
});
