import { chromium, type Browser, type BrowserContextOptions } from "playwright-core";
import type { Pages } from "./every-page.ts";

export interface Site {
  readonly name: string;
  readonly url: string;
  readonly pages: Pages;
  /** The user that is signed in. */
  readonly user?: { readonly username: string; readonly password: string } | undefined;
}

export const networks = {
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
  options: BrowserContextOptions,
): Promise<Figures> {
  const context = await browser.newContext({
    ...options,
    viewport: { width: 1280, height: 900 },
  });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
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
  await page.locator(row).first().waitFor({ timeout: 15_000 });
  const ms = performance.now() - begun;
  await page.waitForLoadState("networkidle");
  await context.close();
  return { bytes, requests, ms };
}

/** Signs a user in; the result is the session for further contexts. */
async function signIn(browser: Browser, { url, user }: Site): Promise<BrowserContextOptions> {
  if (user === undefined) return {};
  const context = await browser.newContext();
  const answer = await context.request.post(`${url}/api/berth/v1/session`, {
    data: user,
    headers: { Origin: url },
  });
  if (!answer.ok()) throw new Error(`sign-in: ${answer.status()} ${await answer.text()}`);
  const storageState = await context.storageState();
  await context.close();
  return { storageState };
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.trunc(numbers.length / 2)] ?? NaN;

/** Measures each page of each site in new browser contexts, and prints the medians. */
export async function compare(
  sites: readonly Site[],
  { rounds, on }: { readonly rounds: number; readonly on: readonly (keyof typeof networks)[] },
): Promise<void> {
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
  const pages = new Set(sites.flatMap((site) => Object.keys(site.pages)));
  const width = Math.max(...[...pages].map((page) => page.length));
  try {
    const signedIn = await Promise.all(
      sites.map(async (site) => Object.assign(await signIn(browser, site), { site })),
    );
    for (const page of pages)
      for (const network of on) {
        const found = new Map<string, Figures[]>(sites.map(({ name }) => [name, []]));
        // The sites take turns, so that a disturbance hits all of them.
        for (let round = 0; round < rounds; round += 1)
          for (const { site, ...options } of signedIn) {
            const [address, row] = site.pages[page] ?? [];
            if (address === undefined || row === undefined) continue;
            const asked = [site.url + address, row] as const;
            found.get(site.name)?.push(await measure(browser, asked, networks[network], options));
          }
        for (const [name, figures] of found)
          if (figures.length > 0)
            process.stdout.write(
              `${page.padEnd(width)} ${network.padEnd(5)} ${name.padEnd(6)} ${textOf(figures)}\n`,
            );
      }
  } finally {
    await browser.close();
  }
}

const textOf = (figures: readonly Figures[]): string =>
  [
    `${(median(figures.map(({ bytes }) => bytes)) / 1000).toFixed(1)} kB`.padStart(10),
    `${median(figures.map(({ requests }) => requests))} requests`.padStart(12),
    `rows after ${Math.round(median(figures.map(({ ms }) => ms)))} ms`.padStart(20),
    `(at most ${Math.round(Math.max(...figures.map(({ ms }) => ms)))} ms)`,
  ].join(" ");
