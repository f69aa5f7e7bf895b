import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { adminPassword, startBerth } from "./support/berth.ts";
import { refusal, tool } from "./support/command.ts";
import { writeContainersSettings } from "./support/containers-settings.ts";
import { startDistribution } from "./support/distribution.ts";
import { writeOciLayout } from "./support/oci-layout.ts";
import { createPlatformIndex } from "./support/platform-index.ts";
import { createScratch } from "./support/scratch.ts";

/** Starts a distribution registry whose token server is a Berth that signs with `algorithm`. */
async function openStage(algorithm: string) {
  const berth = await startBerth({ open: false, settings: { BERTH_AUTH_ALGORITHM: algorithm } });
  const jwks = await (await berth.request("/.well-known/jwks.json")).text();
  const realm = `http://${berth.host}/token`;
  const { headers } = await fetch(`http://${berth.host}/v2/`);
  const service = /service="([^"]+)"/.exec(headers.get("www-authenticate") ?? "")?.[1] ?? "";
  return startDistribution({ realm, service, issuer: service, jwks });
}

const folder = createScratch("distribution-client");
const layout = path.join(folder, "layout");
writeOciLayout(layout, "multi", createPlatformIndex("oci", "http://127.0.0.1:1"));
const env = { ...writeContainersSettings(folder), _CONTAINERS_ROOTLESS_UID: "65534" };
const skopeo = tool("skopeo", { cwd: folder, env });
const hosts = { ES256: await openStage("ES256"), RS256: await openStage("RS256") };

for (const [algorithm, host] of Object.entries(hosts)) {
  const image = `docker://${host}/admin/app:1`;
  const login = ["--creds", `admin:${adminPassword}`];

  test(`distribution accepts a push, pull and delete with a token that Berth signed with ${algorithm}`, async () => {
    const target = ["--dest-creds", `admin:${adminPassword}`, image];
    await skopeo("copy", `oci:${layout}:multi`, ...target);
    const { stdout } = await skopeo("list-tags", ...login, `docker://${host}/admin/app`);
    assert.deepEqual((JSON.parse(stdout) as { Tags: unknown }).Tags, ["1"]);
    await skopeo("inspect", ...login, image);
    await skopeo("delete", ...login, image);
    assert.match(await refusal(skopeo("inspect", ...login, image)), /manifest unknown/);
  });

  test(`distribution rejects a push without a login and a pull with a wrong password (${algorithm})`, async () => {
    const target = `docker://${host}/admin/other:1`;
    const push = skopeo("copy", `oci:${layout}:multi`, target);
    assert.match(await refusal(push), /denied|unauthorized|authentication required/);
    const wrong = skopeo("inspect", "--creds", "admin:wrong", image);
    assert.match(await refusal(wrong), /invalid username\/password|incorrect username or password/);
  });
}
