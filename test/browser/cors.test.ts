import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, test } from "node:test";
import { visit } from "./support/browser.ts";
import { pushImage } from "./support/content.ts";
import { adminPassword, freePort, startServer } from "./support/server.ts";

/** A page of another origin: an empty document. */
async function startPages(port: number): Promise<string> {
  const pages = createServer((_, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end("<!doctype html><title>UI</title><link rel=icon href=data:,>");
  });
  await new Promise<void>((resolve) => pages.listen(port, "127.0.0.1", resolve));
  after(() => pages.close());
  return `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
}

const named = `http://127.0.0.1:${await freePort()}`;
const origin = await startPages(Number(new URL(named).port));
const stranger = await startPages(0);
const server = await startServer({ config: { cors: { origins: [origin] } } });
after(() => server.stop());
const pushed = await pushImage(server.admin, "admin/app", "1", {
  ...{ os: "linux", architecture: "amd64" },
  steps: [["RUN make", 1000]],
});

/**
 * What docker-registry-ui does in the browser: the 401 of the registry names the token endpoint, whose token lists the
 * catalog and the tags; then it reads the digest of a manifest, and deletes the manifest.
 */
async function useRegistry({ url, password }: { url: string; password: string }) {
  const send = (path: string, init: RequestInit = {}) =>
    fetch(path.startsWith("http") ? path : url + path, { ...init, credentials: "omit" });
  const basic = `Basic ${btoa(`admin:${password}`)}`;
  const bearerFor = async (path: string, method = "GET"): Promise<string> => {
    const challenge = (await send(path, { method })).headers.get("WWW-Authenticate") ?? "";
    const fields = Object.fromEntries(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    ) as Record<string, string>;
    const query = new URLSearchParams({ service: fields["service"] ?? "" });
    for (const scope of (fields["scope"] ?? "").split(" ")) query.append("scope", scope);
    const answer = await send(`${fields["realm"]}?${query}`, { headers: { Authorization: basic } });
    return `Bearer ${((await answer.json()) as { token: string }).token}`;
  };
  const read = async (path: string): Promise<unknown> =>
    (await send(path, { headers: { Authorization: await bearerFor(path) } })).json();
  const manifest = "/v2/admin/app/manifests/1";
  const accept =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
  const head = await send(manifest, {
    method: "HEAD",
    headers: { Authorization: await bearerFor(manifest), Accept: accept },
  });
  const digest = head.headers.get("Docker-Content-Digest") ?? "";
  const target = `/v2/admin/app/manifests/${digest}`;
  const catalog = await read("/v2/_catalog?n=100");
  const tags = await read("/v2/admin/app/tags/list");
  const deletion = await send(target, {
    method: "DELETE",
    headers: { Authorization: await bearerFor(target, "DELETE") },
  });
  return { catalog, tags, digest, deleted: deletion.status };
}

describe("a page of another origin", () => {
  test("lists the catalog, reads a digest and deletes a manifest if cors.origins has its origin", async (t) => {
    const { page } = await visit(origin, t, { expected: [/status of 401/] });
    await page.goto(origin);
    const found = await page.evaluate(useRegistry, { url: server.url, password: adminPassword });
    assert.deepEqual(found, {
      catalog: { repositories: ["admin/app"] },
      tags: { name: "admin/app", tags: ["1"] },
      digest: pushed.digest,
      deleted: 202,
    });
  });

  test("reads nothing if cors.origins does not have its origin", async (t) => {
    const { page } = await visit(stranger, t, { expected: [/CORS policy/, /ERR_FAILED/, /401/] });
    await page.goto(stranger);
    await assert.rejects(
      page.evaluate(useRegistry, { url: server.url, password: adminPassword }),
      /Failed to fetch/,
    );
  });
});
