import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { parse } from "yaml";
import {
  definitionOf,
  metricTable,
  type MetricName,
} from "../../src/observability/metric-table.ts";

/* What reads the metrics uses no other names than the program has. `npm run clients -- prometheus` runs it. */

const root = path.join(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(path.join(root, file), "utf8");
const names = Object.keys(metricTable) as MetricName[];

/** The samples of a metric: those of a histogram have ends. */
const samples = new Set(
  names.flatMap((name) =>
    definitionOf(name).type === "histogram"
      ? ["_bucket", "_sum", "_count"].map((end) => `${name}${end}`)
      : [name],
  ),
);

const namesIn = (text: string): readonly string[] => text.match(/\bberth_[a-z0-9_]+/g) ?? [];

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly description: string };
}
const { groups } = parse(read("deploy/prometheus/alerts.yml")) as {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
};

interface Panel {
  readonly id: number;
  readonly targets?: readonly { readonly expr: string }[];
}
const dashboard = JSON.parse(read("deploy/grafana/berth.json")) as {
  readonly panels: readonly Panel[];
};

describe("what operators see", () => {
  test("docs/monitoring.md lists every metric with its type, labels and meaning, and no other", () => {
    const documented = read("docs/monitoring.md")
      .split("\n")
      .filter((line) => line.startsWith("| `berth_"))
      .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")))
      .map(([, name, type, labels, help]) => ({ name, type, labels, help }));
    const known = names.map((name) => {
      const { type, labels = [], help } = definitionOf(name);
      return { name, type, labels: labels.join(", "), help };
    });
    assert.deepEqual(documented, known);
  });

  test("the alert rules read only metrics that exist, and each has a summary and a description", () => {
    const rules = groups.flatMap(({ rules: all }) => all);
    assert.ok(rules.length >= 15);
    assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
    for (const { alert, expr, annotations } of rules) {
      for (const name of namesIn(expr)) assert.ok(samples.has(name), `${alert}: ${name}`);
      assert.ok(annotations.summary.length > 0 && annotations.description.length > 0, alert);
    }
  });

  test("the dashboard reads only metrics that exist", () => {
    const ids = dashboard.panels.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    const shown = dashboard.panels.flatMap(({ targets = [] }) =>
      targets.flatMap(({ expr }) => namesIn(expr)),
    );
    for (const name of shown) assert.ok(samples.has(name), name);
  });

  test("a metric name has the prefix berth_, a base unit where it has one, and _total only as a counter", () => {
    for (const name of names) {
      assert.match(name, /^berth_[a-z_]+$/);
      assert.doesNotMatch(name, /_(?:ms|milliseconds|kb|mb|percent|minutes)(?:_|$)/, name);
      assert.equal(name.endsWith("_total"), definitionOf(name).type === "counter", name);
    }
  });
});
