import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { openCommandContext } from "../../../src/app/command-context.ts";
import { openMirrorAdministration } from "../../../src/app/mirrors.ts";
import type { SyncStep } from "../../../src/mirror/sync/pull.ts";
import { pushBlob, pushImageParts, putManifest, startBerth } from "../../support/berth.ts";
import { startFaultyProxy } from "../../support/faulty-proxy.ts";
import { refuse } from "../../config/support.ts";
import { bulk, mirrorSettings, newFolder } from "../support.ts";

const image = "application/vnd.oci.image.manifest.v1+json";
const index = "application/vnd.oci.image.index.v1+json";
const password = "a long password";
const admin = `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`;

describe("a scheduled push of a hosted repository to an upstream", async () => {
  const target = await startBerth(newFolder(), {
    ...{ "auth.open": "false", "auth.adminPassword": password },
  });
  const proxy = await startFaultyProxy(target.port);
  const schedule = { image: "team/app", target: "admin/copied", tags: ["1.*"], keepNewest: 2 };
  const settings = mirrorSettings(proxy.url, {
    ...{ username: "admin", password, schedule: [schedule], root: false },
  });
  const source = await startBerth(newFolder(), settings);
  after(async () => {
    await source.close();
    await proxy.close();
    await target.close();
  });

  for (const tag of ["1.0", "1.1", "1.2", "2.0"]) {
    const manifests = [];
    for (const architecture of ["amd64", "arm64"]) {
      const child = await pushImageParts(source, "team/app", {
        ...{ layer: bulk(50_000, tag + architecture), config: { os: "linux", architecture, tag } },
      });
      await putManifest(source, "team/app", child.digest, child.manifest).expect(201);
      const platform = { os: "linux", architecture };
      const { digest } = child;
      manifests.push({ mediaType: image, digest, size: child.manifest.length, platform });
    }
    const document = { schemaVersion: 2, mediaType: index, manifests };
    await putManifest(source, "team/app", tag, document, index).expect(201);
  }
  const { headers } = await source.api.head("/v2/team/app/manifests/1.2").expect(200);
  const subject = {
    ...{ mediaType: index, digest: headers["docker-content-digest"] },
    size: Number(headers["content-length"]),
  };
  await pushBlob(source, "team/app", "{}");
  const signature = await pushImageParts(source, "team/app", {
    ...{ layer: "a signature", extra: { subject, artifactType: "application/example.signature" } },
  });
  await putManifest(source, "team/app", signature.digest, signature.manifest).expect(201);

  const run = async (isDryRun = false): Promise<readonly SyncStep[]> => {
    const context = await openCommandContext(source.config, { store: true });
    try {
      const steps: SyncStep[] = [];
      const [only] = (await openMirrorAdministration(context)).schedules();
      assert.equal(only?.name, "team/app to docker.io/admin/copied");
      for await (const step of only.run(isDryRun)) steps.push(step);
      return steps;
    } finally {
      await context.close();
    }
  };
  const failed = (steps: readonly SyncStep[]) => steps.filter(({ kind }) => kind === "failed");
  const there = (route: string) =>
    target.api.get(`/v2/admin/copied/${route}`).set("Authorization", admin);

  test("sends nothing in a dry run", async () => {
    const steps = await run(true);
    assert.deepEqual(failed(steps), []);
    assert.ok(steps.some((step) => step.kind === "blob" && step.isNew));
    assert.equal(proxy.count("POST") + proxy.count("PUT"), 0);
    await there("tags/list").expect(404);
  });

  test("reports the tag that failed, pushes the other tag, and pushes the rest in the next run", async () => {
    proxy.fail({ kind: "status", status: 500 }, /\/blobs\/uploads\/[^?]+\?/, 1);
    const first = await run();
    assert.deepEqual(
      first.flatMap((step) => (step.kind === "failed" ? [step.what] : [])),
      ["admin/copied:1.2"],
    );
    await there("manifests/1.2").expect(404);
    await there("manifests/1.1").expect(200);
    assert.deepEqual(failed(await run()), []);
  });

  test("copies the newest two tags with all platforms and signatures, and with the same digests", async () => {
    const { body } = await there("tags/list").expect(200);
    assert.deepEqual((body as { tags: string[] }).tags, ["1.1", "1.2"]);
    for (const tag of ["1.1", "1.2"]) {
      const [here, copy] = [
        await source.api.get(`/v2/team/app/manifests/${tag}`).expect(200),
        await there(`manifests/${tag}`).expect(200),
      ];
      assert.equal(copy.headers["docker-content-digest"], here.headers["docker-content-digest"]);
      for (const { digest } of (JSON.parse(copy.text) as { manifests: { digest: string }[] })
        .manifests) {
        const child = await there(`manifests/${digest}`).expect(200);
        const { layers } = JSON.parse(child.text) as { layers: { digest: string }[] };
        for (const layer of layers) await there(`blobs/${layer.digest}`).expect(200);
      }
    }
    const { text } = await there(`referrers/${subject.digest}`).expect(200);
    const referrers = (JSON.parse(text) as { manifests: { digest: string }[] }).manifests;
    assert.deepEqual(
      referrers.map(({ digest }) => digest),
      [signature.digest],
    );
  });

  test("sends nothing in a second run", async () => {
    proxy.reset();
    const steps = await run();
    assert.deepEqual(failed(steps), []);
    assert.ok(steps.every((step) => !("isNew" in step) || !step.isNew));
    assert.equal(proxy.count("POST") + proxy.count("PUT"), 0);
    assert.equal(proxy.count("HEAD", /\/blobs\//), 0);
  });
});

test("the configuration rejects a scheduled push with a list of platforms", async () => {
  const schedule = [{ image: "team/app", target: "a/b", platforms: ["linux/amd64"] }];
  const { mirrors } = mirrorSettings("http://127.0.0.1:1", { schedule });
  const problems = await refuse({ env: { BERTH_MIRRORS: mirrors } });
  assert.match(problems.get("mirrors")?.what ?? "", /a push copies all platforms of an index/);
});
