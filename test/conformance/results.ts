import { parse } from "yaml";

/** The reports of the suite: `junit.xml` has an entry per check, `results.yaml` one per API and data set. */
export type Reports = { junit: string; yaml: string };

export type Counts = Record<"Pass" | "FAIL" | "Error" | "Skip" | "Disabled", number>;

export type Results = {
  counts: Counts;
  /** Every check, API and data set that did not pass, with the reason if the suite gives one. */
  notPassed: { status: keyof Counts; name: string; reason: string }[];
};

/** Parses the reports of a complete run. Throws if they are truncated, empty or contradict each other. */
export function parseResults({ junit, yaml }: Reports): Results {
  const [, head] = /^<testsuites ([^>]*)>/.exec(junit) ?? [];
  if (head === undefined || !junit.trimEnd().endsWith("</testsuites>")) {
    throw new Error("junit.xml is not a whole report");
  }
  const total = count(head, "tests");
  const counts = {
    Pass: 0,
    FAIL: count(head, "failures"),
    Error: count(head, "errors"),
    Skip: count(head, "skipped"),
    Disabled: count(head, "disabled"),
  };
  counts.Pass = total - counts.FAIL - counts.Error - counts.Skip - counts.Disabled;
  if (counts.Pass < 0) throw new Error("junit.xml counts more checks than there are");

  const checks = [...junit.matchAll(/<testcase ([^>]*)>(.*?)<\/testcase>/gs)].map(
    ([, attributes = "", body = ""]) => ({
      name: attribute(attributes, "name").replace(/^OCI Conformance Test\//, ""),
      status: checkStatus(attribute(attributes, "status"), body),
      reason: unescape(/<system-out>(.*?)<\/system-out>/s.exec(body)?.[1] ?? ""),
    }),
  );
  if (!checks.some(({ status }) => status === "Pass")) throw new Error("no check passed at all");

  const sections = parse(yaml) as Record<string, unknown> | null;
  const overviews = ["apis", "data"].flatMap((section) => {
    const rows = Object.entries((sections?.[section] ?? {}) as Record<string, unknown>);
    if (rows.length === 0) throw new Error(`results.yaml says nothing about ${section}`);
    return rows.map(([name, status]) => ({ name, status: overviewStatus(status), reason: "" }));
  });
  const notPassed = [...checks, ...overviews].filter(({ status }) => status !== "Pass");
  return { counts, notPassed };
}

/** Returns all results that did not pass, without the checks that the profile disables. */
export function problemsIn({ counts, notPassed }: Results, turnedOff: readonly string[]): string[] {
  const problems = notPassed
    .filter(({ status, name }) => !(status === "Disabled" && turnedOff.includes(lastPart(name))))
    .map(({ status, name, reason }) => `${status}: ${name}${reason && `: ${reason}`}`);
  const bad = counts.FAIL + counts.Error + counts.Skip;
  if (problems.length === 0 && bad > 0)
    problems.push(`${bad} checks did not pass, but none is named`);
  if (turnedOff.length === 0 && counts.Disabled > 0 && problems.length === 0) {
    problems.push(`${counts.Disabled} checks are disabled, but none is named`);
  }
  return problems;
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

function checkStatus(status: string, body: string): keyof Counts {
  switch (status) {
    case "passed":
      return "Pass";
    case "failure":
      return "FAIL";
    case "skipped":
      return body.includes("is disabled in the configuration") ? "Disabled" : "Skip";
    default:
      return "Error";
  }
}

function overviewStatus(status: unknown): keyof Counts {
  const known = ["Pass", "FAIL", "Error", "Skip", "Disabled"] as const;
  return known.find((one) => one === status) ?? "Error";
}

function count(attributes: string, name: string): number {
  const value = attribute(attributes, name) || "0"; // the suite omits counts that are 0
  if (!/^\d+$/.test(value)) throw new Error(`junit.xml has ${name}="${value}"`);
  return Number(value);
}

function attribute(attributes: string, name: string): string {
  return unescape(new RegExp(`(?:^| )${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
}

function unescape(text: string): string {
  return text
    .replaceAll(/&#(?:x([0-9A-Fa-f]+)|(\d+));/g, (_, hex: string | undefined, decimal: string) =>
      String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)),
    )
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&");
}
