import { after, describe, test } from "node:test";
import { visit } from "./support/browser.ts";
import { startServer } from "./support/server.ts";

const server = await startServer();
after(() => server.stop());

describe("a registry in read-only mode", () => {
  test("shows a bar with the reason on its pages, until the mode ends", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t);
    await signIn("admin");
    await server.berth(["read-only", "on", "--reason", "we move to new disks"]);
    // The server has read the mode at most half a second ago.
    await new Promise((resolve) => setTimeout(resolve, 600));
    await open("/search");
    await page.getByText(/The registry is read-only .* we move to new disks/).waitFor();
    await check();
    await server.berth(["read-only", "off"]);
    await new Promise((resolve) => setTimeout(resolve, 600));
    await open("/search");
    await page.getByRole("heading").first().waitFor();
    await page.getByText(/The registry is read-only/).waitFor({ state: "detached" });
  });
});
