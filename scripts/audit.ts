/**
 * `npm run audit`: asks the npm registry for known vulnerabilities of Berth's production dependencies. Exit code 0:
 * none is known; 1: at least one is known; 3: the registry could not be asked, so the result is unknown.
 */
import { spawnSync } from "node:child_process";
import process from "node:process";

interface Report {
  readonly message?: string;
  readonly error?: { readonly summary?: string; readonly code?: string };
  readonly vulnerabilities?: Readonly<
    Record<
      string,
      { readonly severity: string; readonly range: string; readonly via: readonly unknown[] }
    >
  >;
  readonly database?: { readonly dependencies?: { readonly prod?: number } };
}

/** The titles and URLs of the advisories. An entry that is a string names the dependency with the vulnerability. */
function advisoriesOf(via: readonly unknown[]): string {
  const told = via.map((one) => {
    if (typeof one !== "object" || one === null) return `by way of ${String(one)}`;
    const { title, url } = one as { readonly title?: string; readonly url?: string };
    return `${title ?? "without a title"} ${url ?? ""}`.trim();
  });
  return told.join("; ");
}

function read(text: string): Report {
  try {
    return JSON.parse(text) as Report;
  } catch {
    return {};
  }
}

const asked = spawnSync("npm", ["audit", "--omit=dev", "--json"], { encoding: "utf8" });
const report = read(asked.stdout);
if (report.vulnerabilities === undefined) {
  const reason = report.message ?? report.error?.summary ?? asked.error?.message ?? asked.stderr;
  console.error(`audit: could not ask the registry: ${reason.trim()}`);
  process.exit(3);
}
const found = Object.entries(report.vulnerabilities);
for (const [name, { severity, range, via }] of found)
  console.error(`audit: ${name} ${range}: ${severity}: ${advisoriesOf(via)}`);
const packages = report.database?.dependencies?.prod ?? 0;
console.log(`audit: ${found.length} of ${packages} packages have known vulnerabilities`);
process.exit(found.length === 0 ? 0 : 1);
