/**
 * `node --import ./test/support/register.mjs bench/pages.ts [--zui FOLDER] [--url URL --repository NAME]`: bytes and time
 * until the rows of the explore, repository and tag pages are visible in Chromium, with an empty cache, on a fast and on
 * a slow network (150 ms, 1.6 Mbit/s, a processor four times slower). `--zui` adds the built pages of zot (`npm ci && npm
 * run build` in github.com/project-zot/zui). `--url` measures a Berth that runs already, for example on the data of
 * `npm run seed`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { chromium, type Browser, type CDPSession } from "playwright-core";
import { pushIndex, serviceImages } from "../test/browser/support/content.ts";
import { startBerth } from "./support/berth.ts";
import { portOf, startZui } from "./pages/zui.ts";

const { values } = parseArgs({
  options: {
    zui: { type: "string" },
    url: { type: "string" },
    repository: { type: "string", default: "admin/service-0" },
    rounds: { type: "string", default: "5" },
  },
});

interface Site {
  readonly name: string;
  readonly url: string;
  /** Path of each page, and the selector of its first row. */
  readonly pages: Readonly<Record<string, readonly [path: string, row: string]>>;
}

const networks = {
  fast: undefined,
  slow: { latency: 150, downloadThroughput: 200_000, uploadThroughput: 94_000 },
};

interface Figures {
  readonly bytes: number;
  readonly requests: number;
  readonly ms: number;
}

async function measure(
  browser: Browser,
  [address, row]: readonly [string, string],
  network: (typeof networks)["slow"] | undefined,
): Promise<Figures> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  const session: CDPSession = await context.newCDPSession(page);
  let bytes = 0;
  let requests = 0;
  await session.send("Network.enable");
  if (network !== undefined) {
    await session.send("Network.emulateNetworkConditions", { offline: false, ...network });
    await session.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  }
  session.on("Network.loadingFinished", ({ encodedDataLength }) => {
    bytes += encodedDataLength;
    requests += 1;
  });
  const begun = performance.now();
  await page.goto(address, { waitUntil: "commit" });
  await page.locator(row).first().waitFor({ timeout: 60_000 });
  const ms = performance.now() - begun;
  await page.waitForLoadState("networkidle");
  await context.close();
  return { bytes, requests, ms };
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.trunc(numbers.length / 2)] ?? NaN;

async function compare(sites: readonly Site[]): Promise<void> {
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
  const lines: string[] = [];
  try {
    for (const page of ["explore", "repository", "tag"])
      for (const [network, conditions] of Object.entries(networks)) {
        const found = new Map<string, Figures[]>(sites.map(({ name }) => [name, []]));
        // The sites take turns, so that a disturbance hits all of them.
        for (let round = 0; round < Number(values.rounds); round += 1)
          for (const { name, url, pages } of sites) {
            const [address, row] = pages[page] ?? [];
            if (address === undefined || row === undefined) continue;
            found.get(name)?.push(await measure(browser, [url + address, row], conditions));
          }
        for (const [name, figures] of found) {
          if (figures.length === 0) continue;
          lines.push(
            [
              page.padEnd(11),
              network.padEnd(5),
              name.padEnd(6),
              `${(median(figures.map(({ bytes }) => bytes)) / 1000).toFixed(1)} kB`.padStart(10),
              `${median(figures.map(({ requests }) => requests))} requests`.padStart(12),
              `rows after ${Math.round(median(figures.map(({ ms }) => ms)))} ms`.padStart(20),
            ].join(" "),
          );
        }
      }
  } finally {
    await browser.close();
  }
  process.stdout.write(`${lines.join("\n")}\n`);
}

const pagesOf = (repository: string, tag: string): Site["pages"] => ({
  explore: ["/search", ".results .name"],
  repository: [`/r/${repository}`, "tbody tr"],
  tag: [`/r/${repository}/-/tags/${tag}`, ".layers tbody tr, .moves li"],
});

if (values.url === undefined) {
  const folder = mkdtempSync(path.join(tmpdir(), "berth-pages-"));
  const berth = await startBerth({ data: folder });
  const versions = ["2.8.1", "2.8.0", "2.7.4", "2.7.3", "2.7.2"];
  const client = { url: berth.url, authorization: undefined };
  const repositories = Array.from({ length: 25 }, (_, index) => `admin/service-${index}`);
  const sites: Site[] = [
    { name: "berth", url: berth.url, pages: pagesOf("admin/service-0", versions[0] ?? "") },
  ];
  try {
    for (const repository of repositories)
      for (const version of repository === repositories[0] ? versions : versions.slice(0, 1))
        await pushIndex(client, repository, version, serviceImages(version, 0.001));
    if (values.zui !== undefined) {
      const [image] = serviceImages("2.8.1", 0.001);
      const layers = (image?.steps ?? []).map(([command, size]) => ({ command, size }));
      const zui = await startZui(values.zui, { repositories, tags: versions, layers });
      // zui decodes the name twice.
      const repository = encodeURIComponent(encodeURIComponent(repositories[0] ?? ""));
      sites.push({
        name: "zui",
        url: `http://127.0.0.1:${portOf(zui)}`,
        pages: {
          explore: ["/explore", "text=service-0"],
          // Its tags are behind a tab: the heading stands for them.
          repository: [`/image/${repository}`, "text=service-0"],
        },
      });
    }
    await compare(sites);
  } finally {
    await berth.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  process.exit(0);
} else
  await compare([{ name: "berth", url: values.url, pages: pagesOf(values.repository, "latest") }]);
