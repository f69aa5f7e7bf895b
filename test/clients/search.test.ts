import assert from "node:assert/strict";
import { test } from "node:test";
import { adminPassword, startBerth, type Berth } from "./support/berth.ts";
import { refusal, tool } from "./support/command.ts";
import { writeContainersSettings } from "./support/containers-settings.ts";
import { startDockerd } from "./support/dockerd.ts";
import { createScratch } from "./support/scratch.ts";

const berth = await startBerth({ open: false });
const publicBerth = await startBerth({
  ...{ open: false, settings: { BERTH_REPOSITORIES_DEFAULT_VISIBILITY: "public" } },
});
const docker = await startDockerd("dockerd");
const folder = createScratch("podman-search");
const env = writeContainersSettings(folder);
const podman = tool("podman", { cwd: folder, env });
const authorization = `Basic ${Buffer.from(`admin:${adminPassword}`).toString("base64")}`;

/** Pushes an empty index, which is enough for the search. */
async function push({ host }: Berth, repository: string): Promise<void> {
  const mediaType = "application/vnd.oci.image.index.v1+json";
  const response = await fetch(`http://${host}/v2/${repository}/manifests/1`, {
    ...{ method: "PUT", headers: { authorization, "content-type": mediaType } },
    body: JSON.stringify({ schemaVersion: 2, mediaType, manifests: [] }),
  });
  assert.equal(response.status, 201, await response.text());
}
for (const name of ["admin/tool", "admin/tool-secret", "tool"]) await push(berth, name);
await push(publicBerth, "admin/tool");

/** The names in the first column of a table with a header. */
const namesIn = (stdout: string): readonly string[] =>
  stdout
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(/\s+/)[0] ?? "");

test("podman search finds no private repositories without a login, and all of them after login", async () => {
  const absent = await podman("search", "--tls-verify=false", `${berth.host}/tool`);
  assert.deepEqual(namesIn(absent.stdout), []);
  await podman(
    ...["login", "--tls-verify=false", "--username", "admin", "--password", adminPassword],
    berth.host,
  );
  const { stdout } = await podman("search", "--tls-verify=false", `${berth.host}/tool`);
  assert.deepEqual(
    namesIn(stdout)
      .map((name) => name.replace(`${berth.host}/`, ""))
      .toSorted(),
    ["admin/tool", "admin/tool-secret", "library/tool"],
  );
});

test("podman search --list-tags lists the tags of a private repository", async () => {
  const { stdout } = await podman(
    ...["search", "--tls-verify=false", "--list-tags", `${berth.host}/admin/tool-secret`],
  );
  assert.match(stdout, /tool-secret +1/);
});

test("docker search gets 401 without a login if no repository is public, and finds all after login", async () => {
  assert.match(await refusal(docker("search", `${berth.host}/tool`)), /401|unauthorized/i);
  await docker("login", "--username", "admin", "--password", adminPassword, berth.host);
  const { stdout } = await docker("search", `${berth.host}/tool`);
  assert.deepEqual(namesIn(stdout), ["tool", "admin/tool", "admin/tool-secret"]);
  const official = await docker("search", "--filter", "is-official=true", `${berth.host}/tool`);
  assert.deepEqual(namesIn(official.stdout), ["tool"]);
});

test("docker search and podman search find public repositories without a login", async () => {
  const { host } = publicBerth;
  assert.deepEqual(namesIn((await docker("search", `${host}/tool`)).stdout), ["admin/tool"]);
  assert.deepEqual(namesIn((await docker("search", `${host}/secret`)).stdout), []);
  const found = await podman("search", "--tls-verify=false", `${host}/tool`);
  assert.deepEqual(namesIn(found.stdout), [`${host}/admin/tool`]);
});
