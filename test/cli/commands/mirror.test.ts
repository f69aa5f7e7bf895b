import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { createCommands } from "../../../src/database/commands.ts";
import { createUpstreamState } from "../../../src/mirror/upstream/state.ts";
import { UpstreamFailure } from "../../../src/mirror/upstream/failure.ts";
import { newFolder, pushUpstream, startMirrorPair, untilShown } from "../../mirror/support.ts";
import { ociManifest, putManifest, startBerth } from "../../support/berth.ts";
import { databaseSettings } from "../../support/database.ts";
import { berth, nested } from "../support.ts";

describe("the commands for mirrors", async () => {
  const pair = await startMirrorPair();
  const image = await pushUpstream(pair, "library/app", "1", "for commands");
  await putManifest(pair.upstream, "library/app", "2", image.manifest).expect(201);
  const data = newFolder();
  const config = path.join(newFolder(), "berth.yaml");
  const good = {
    ...{ namespace: "docker.io", upstream: pair.proxy.url, visibility: "public" },
    allowPrivateNetwork: true,
  };
  const bad = { namespace: "bad.example", upstream: "http://127.0.0.1:9", visibility: "public" };
  const ofDatabase = nested(await databaseSettings(data));
  const write = (schedule: readonly unknown[]): void => {
    const mirrors = [{ ...good, schedule }, bad];
    writeFileSync(config, JSON.stringify({ data, mirrors, ...ofDatabase }));
  };
  write([]);
  // The first start of a server creates the data folder.
  await (await startBerth(data, { mirrors: JSON.stringify([good]) })).close();
  const run = (...words: string[]) => berth(["mirror", ...words, "--config", config]);

  test("warm exits with 0 after it fetched the image, and with 1 and the reason after a failure", async () => {
    const warmed = await run("warm", "docker.io/library/app:1");
    assert.equal(warmed.code, 0, warmed.stderr);
    assert.match(warmed.stdout, /new: 1 manifests, 2 blobs/);
    const missing = await run("warm", "docker.io/library/app:no");
    assert.equal(missing.code, 1);
    assert.match(missing.stdout, /^failed: docker\.io\/library\/app:no: manifest unknown/m);
    assert.match(missing.stderr, /docker\.io\/library\/app:no could not be fetched/);
  });

  test("status prints the blobs and misses of each mirror, and why an upstream fails", async () => {
    const failed = await run("warm", "bad.example/team/app:1");
    assert.equal(failed.code, 1);
    assert.match(failed.stdout, /127\.0\.0\.1 is an address that is not public/);
    const status = await run("status");
    assert.equal(status.code, 0, status.stderr);
    assert.match(status.stdout, /^docker\.io .* 2 blobs/m);
    assert.match(status.stdout, /^ {4}misses: [1-9]/m);
    assert.match(
      status.stdout,
      /^ {4}failing since \S+Z: .*127\.0\.0\.1 is an address that is not public/m,
    );
    const { stdout } = await run("status", "--json");
    const reports = stdout.trim().split("\n");
    assert.deepEqual(
      reports.map((line) => (JSON.parse(line) as { failure?: object }).failure !== undefined),
      [false, true],
    );
  });

  test("berth check reports no error for an index whose images were not pulled yet", async () => {
    const mediaType = "application/vnd.oci.image.index.v1+json";
    const child = { mediaType: ociManifest, digest: image.digest, size: image.manifest.length };
    const index = { schemaVersion: 2, mediaType, manifests: [child] };
    await pushUpstream(pair, "library/several", "1", "for commands");
    await putManifest(pair.upstream, "library/several", "all", index, mediaType).expect(201);
    const server = await startBerth(data, { mirrors: JSON.stringify([good]) });
    await server.api.get("/v2/docker.io/library/several/manifests/all").expect(200);
    await untilShown(server, "/api/berth/v1/repositories/docker.io/library/several/-/tags/all");
    await server.close();
    const checked = await berth(["check", "--config", config]);
    assert.equal(checked.code, 0, checked.stdout);
    assert.match(checked.stdout, /no errors/);
  });

  test("purge of a tag removes only this tag, and purge of a name removes the repository", async () => {
    assert.equal((await run("warm", "docker.io/library/app:2")).code, 0);
    const purged = await run("purge", "docker.io/library/app:1");
    assert.equal(purged.code, 0, purged.stderr);
    pair.proxy.reset();
    assert.match((await run("warm", "docker.io/library/app:2")).stdout, /new: 0 manifests/);
    assert.equal(pair.proxy.count("GET", /manifests\/2/), 0);
    assert.equal((await run("warm", "docker.io/library/app:1")).code, 0);
    assert.equal(pair.proxy.count("GET", /manifests\/1/), 1);
    assert.equal((await run("purge", "docker.io/library/app:absent")).code, 1);
    assert.equal((await run("purge", "docker.io/library/app")).code, 0);
    assert.equal((await run("purge", "docker.io/library/app")).code, 1);
  });

  test("sync continues after a failed repository, names it, and exits with 1", async () => {
    write([{ image: "library/nowhere" }, { image: "library/app", tags: ["1"] }]);
    const synced = await run("sync");
    assert.equal(synced.code, 1);
    assert.match(synced.stdout, /^failed: docker\.io\/library\/nowhere: /m);
    assert.match(synced.stdout, /^docker\.io\/library\/app: 1 tags/m);
    assert.match(synced.stderr, /could not be copied: docker\.io\/library\/nowhere/);
    write([{ image: "library/app", tags: ["1"] }]);
    assert.equal((await run("sync")).code, 0);
  });
});

test("config check warns about a public mirror with credentials and an upstream at a private address", async () => {
  const config = path.join(newFolder(), "berth.yaml");
  const open = { visibility: "public", username: "mia", password: "secret" };
  const mirrors = [
    { namespace: "docker.io", upstream: "https://registry-1.docker.io", ...open },
    { namespace: "lab", upstream: "http://[::ffff:10.1.2.3]:5000" },
    { namespace: "fine", upstream: "http://10.1.2.3:5000", allowPrivateNetwork: true },
  ];
  writeFileSync(config, JSON.stringify({ mirrors }));
  const { code, stderr } = await berth(["config", "check", "--config", config]);
  assert.equal(code, 0);
  assert.deepEqual(
    stderr
      .split("\n")
      .filter((line) => line.startsWith("warning: "))
      .map((line) => /mirror (\S+)/.exec(line)?.[1]),
    ["docker.io", "lab"],
  );
  assert.doesNotMatch(stderr, /secret/);
});

test("the log has one warning with the reason for each change of an upstream's failure", () => {
  const lines: string[] = [];
  const say = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields["reason"] ?? "")}`.trim());
  const state = createUpstreamState({
    ...{ namespace: "docker.io", clock: () => 1, log: { warn: say("warn"), info: say("info") } },
    database: {
      commands: createCommands(() =>
        Promise.reject(new Error("nothing is written without a flush")),
      ),
    },
  });
  const cause = Object.assign(new Error("certificate has expired"), { code: "CERT_HAS_EXPIRED" });
  const failure = new UpstreamFailure("connectionFailed", "host cannot be reached", { cause });
  for (let round = 0; round < 3; round += 1) state.failed(failure);
  state.failed(new UpstreamFailure("serverError", "host answers with 500", { status: 500 }));
  state.failed(new UpstreamFailure("absent", "host does not have it", { status: 404 }));
  state.succeeded();
  assert.deepEqual(lines, [
    'warn the upstream registry does not work "host cannot be reached: certificate has expired"',
    'warn the upstream registry does not work "host answers with 500"',
    'info the upstream registry works again ""',
  ]);
});
