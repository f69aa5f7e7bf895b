import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { accept, startReceiver } from "../events/receiver.ts";
import { waitUntil } from "../support/wait.ts";
import { visit } from "./support/browser.ts";
import { pushImage } from "./support/content.ts";
import { startServer } from "./support/server.ts";

const server = await startServer({ config: { webhooks: { allowedNetworks: ["127.0.0.0/8"] } } });
after(() => server.stop());

describe("webhooks on the pages", () => {
  test("of a repository are made, tested, switched off and deleted, and a delivery is sent again", async (t) => {
    const receiver = await startReceiver();
    await pushImage(server.admin, "admin/told", "1", {
      ...{ os: "linux", architecture: "amd64", steps: [["RUN one", 20_000]] },
    });
    const { page, open, signIn, check } = await visit(server.url, t, {
      expected: [/status of 400/],
    });
    await signIn("admin");
    await open("/r/admin/told/-/settings");
    const card = page.getByRole("region", { name: "Webhooks" });
    await card.getByText("There are no webhooks.").waitFor();
    await card.getByRole("button", { name: "New webhook…" }).click();
    const dialog = page.getByRole("dialog");
    await check();
    await dialog.getByLabel("URL").fill("http://10.0.0.1/");
    await dialog.getByRole("button", { name: "Create webhook" }).click();
    await dialog.getByText(/not public/).waitFor();
    await dialog.getByLabel("URL").fill(receiver.url);
    await dialog.getByLabel("Authorization header").fill("Bearer abc");
    await dialog.getByLabel("Tag moved").uncheck();
    await dialog.getByRole("button", { name: "Create webhook" }).click();
    await dialog.getByText(/^whsec_/).waitFor();
    await check();
    await dialog.getByRole("button", { name: "Close" }).click();

    receiver.answer = (response) => void response.writeHead(422).end("wrong image");
    await card.getByRole("button", { name: "Send a ping" }).click();
    await card.getByText("1 waiting").waitFor();
    await card.getByRole("button", { name: "Deliveries" }).click();
    await dialog.getByText(/422 wrong image/).waitFor();
    await check();
    receiver.answer = accept;
    await dialog.getByRole("button", { name: "Send again: admin/told" }).click();
    await dialog.getByText("delivered").waitFor();
    await waitUntil("the ping has come twice", () => receiver.received.length >= 2);
    assert.equal(receiver.received.at(-1)?.headers.authorization, "Bearer abc");
    await dialog.getByRole("button", { name: "Close" }).click();

    await card.getByRole("button", { name: "Switch off" }).click();
    await card.getByText("off", { exact: true }).waitFor();
    await card.getByRole("button", { name: "New secret" }).click();
    await dialog.getByRole("button", { name: "New secret" }).click();
    await dialog.getByText(/^whsec_/).waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    await card.getByRole("button", { name: "Delete" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await card.getByText("There are no webhooks.").waitFor();
    await check();
  });

  test("of the server are on a page of administration", async (t) => {
    const { page, signIn, check, open } = await visit(server.url, t);
    await signIn("admin");
    await open("/admin/webhooks");
    await page.getByText(/all repositories of this server/).waitFor();
    await check();
    assert.equal(await page.title(), "Webhooks · Berth");
  });
});
