import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { after } from "node:test";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { adminPassword } from "./server.ts";

/** Debian's Chromium; playwright-core downloads no browser. */
const executablePath = "/usr/bin/chromium";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const axeTags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export interface Visitor {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Opens a page and waits for its heading. */
  readonly open: (path: string) => Promise<void>;
  readonly signIn: (user: string, password?: string) => Promise<void>;
  /**
   * Checks the page as it is: no violation of WCAG 2.2 AA in both themes, and no scrolling to the side at 390 px.
   */
  readonly check: () => Promise<void>;
}

let started: Promise<Browser> | undefined;

/** One browser for the tests of a file. */
function browserOf(rules: readonly string[]): Promise<Browser> {
  started ??= chromium.launch({ executablePath, args: ["--no-sandbox", ...rules] });
  return started;
}
after(async () => (await started)?.close());

/**
 * A new visitor of the pages at `url`. The test fails at its end if a page logged an error, violated the
 * Content-Security-Policy or opened a dialog of JavaScript.
 */
export async function visit(
  url: string,
  test: { readonly after: (end: () => Promise<void>) => void },
  options: {
    readonly width?: number;
    /** Messages that the test expects, such as that of a failed request. */
    readonly expected?: readonly RegExp[];
    readonly hostRules?: string;
    readonly userAgent?: string;
  } = {},
): Promise<Visitor> {
  const { width = 1280, expected = [], hostRules } = options;
  const browser = await browserOf(
    hostRules === undefined ? [] : [`--host-resolver-rules=${hostRules}`],
  );
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    locale: "en-GB",
    reducedMotion: "reduce",
    ...(options.userAgent === undefined ? {} : { userAgent: options.userAgent }),
  });
  const problems: string[] = [];
  const note = (problem: string) => {
    if (!expected.some((one) => one.test(problem))) problems.push(problem);
  };
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") note(message.text());
  });
  page.on("pageerror", (error) => note(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    note(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  test.after(async () => {
    await context.close();
    assert.deepEqual(problems, []);
  });

  const open = async (path: string) => {
    await page.goto(url + path);
    await page.locator("h1").first().waitFor();
  };
  return {
    page,
    context,
    open,
    async signIn(user, password = adminPassword) {
      await open("/sign-in");
      await page.getByLabel("User name").fill(user);
      await page.getByLabel("Password", { exact: true }).fill(password);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.waitForURL(`${url}/`);
    },
    async check() {
      const size = page.viewportSize() ?? { width, height: 900 };
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        assert.deepEqual(await findViolations(page), [], `${page.url()} in ${colorScheme}`);
      }
      await page.emulateMedia({ colorScheme: "light" });
      await page.setViewportSize({ width: 390, height: 844 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= 390, `${page.url()} is ${wide} px wide at 390 px`);
      assert.deepEqual(await findViolations(page), [], `${page.url()} at 390 px`);
      await page.setViewportSize(size);
    },
  };
}

/** The rules of axe that the page breaks, with the elements. */
async function findViolations(page: Page): Promise<readonly string[]> {
  // The policy of the page forbids scripts of others; the debugging protocol does not.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(
    (tags) =>
      (
        globalThis as unknown as {
          axe: {
            run: (options: object) => Promise<{
              violations: { id: string; help: string; nodes: { html: string }[] }[];
            }>;
          };
        }
      ).axe.run({ runOnly: tags }),
    axeTags,
  );
  return violations.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`,
  );
}
