import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { createScratch } from "../clients/support/scratch.ts";
import { visit } from "./support/browser.ts";
import { startServer } from "./support/server.ts";

const tagCount = 40_000;
const root = path.join(import.meta.dirname, "../..");
const data = path.join(createScratch("many-tags"), "data");
execFileSync(
  process.execPath,
  [
    ...["--import", "./test/support/register.mjs", "scripts/seed.ts", "--data", data],
    ...["--repositories", "3", "--tags", String(tagCount * 10)],
  ],
  { cwd: root, stdio: "ignore" },
);
const server = await startServer({ data, config: { auth: { open: true } } });
after(() => server.stop());

describe("a repository with 40,000 tags", () => {
  test("shows at most 60 rows at once, and jumps to any place of the list and to a filter", async (t) => {
    const { page, open, check } = await visit(server.url, t);
    const { results } = (await server.api(
      "GET",
      "/api/berth/v1/search?sort=updated_at&page_size=10",
    )) as { results: { name: string }[] };
    const counts = await Promise.all(
      results.map(async ({ name }) => ({
        name,
        tags: (
          (await server.api("GET", `/api/berth/v1/repositories/${name}`)) as { tag_count: number }
        ).tag_count,
      })),
    );
    const largest = counts.find(({ tags }) => tags === tagCount);
    assert.ok(largest, JSON.stringify(counts));
    await open(`/r/${largest.name}/-/tags?order=natural`);
    const rows = page.locator("tbody tr");
    await rows.first().waitFor();
    assert.ok((await rows.count()) <= 60);
    const first = await rows.first().innerText();

    await page.getByRole("slider").fill("700");
    await page.waitForURL(/page=700/);
    await page.waitForFunction(
      (text) => document.querySelector("tbody tr")?.textContent !== text,
      first,
    );
    assert.ok((await rows.count()) <= 60);
    await check();
    await page.getByLabel("Filter tags").fill("999");
    await page.getByText(/of [\d,]+ tags/).waitFor();
    assert.ok((await rows.count()) <= 60);
  });
});
