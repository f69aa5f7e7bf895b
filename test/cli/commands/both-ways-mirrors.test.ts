import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { newFolder, pushUpstream, startMirrorPair } from "../../mirror/support.ts";
import { putManifest, startBerth } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { databaseSettings } from "../../support/database.ts";
import { compare, remoteOf } from "../both-ways.ts";
import { berth, nested } from "../support.ts";

describe("the commands for mirrors on a data folder and on a running server", async () => {
  const pair = await startMirrorPair();
  const image = await pushUpstream(pair, "library/app", "1", "for both ways");
  await putManifest(pair.upstream, "library/app", "2", image.manifest).expect(201);
  const mirrors = [
    {
      ...{ namespace: "docker.io", upstream: pair.proxy.url, visibility: "public" },
      ...{ allowPrivateNetwork: true, root: true },
      schedule: [{ image: "library/app", tags: ["2"] }, { image: "library/nowhere" }],
    },
  ];
  const server = await startClosedBerth({ mirrors: JSON.stringify(mirrors) });
  await server.addUser("root", { is_admin: 1 });
  const data = newFolder();
  await (await startBerth(data, { mirrors: JSON.stringify(mirrors) })).close();
  const config = path.join(newFolder(), "berth.yaml");
  writeFileSync(config, JSON.stringify({ data, mirrors, ...nested(await databaseSettings(data)) }));

  test("download, pin, purge and run schedules with the same output", () =>
    compare(
      [
        ["mirror warm docker.io/library/app:1", /^0\n.*new: 1 manifests, 2 blobs/],
        ["mirror warm app:1", /^0\n.*new: 0 manifests, 0 blobs/],
        ["mirror warm docker.io/library/app:no", /^1\nfailed: docker\.io\/library\/app:no: /],
        ["mirror pin docker.io/library/app:1", /^0\npinned docker\.io\/library\/app:1\n/],
        ["mirror pin docker.io/library/app:1", /^0\n.* is pinned already\n/],
        ["mirror unpin docker.io/library/app:1", /^0\nunpinned/],
        ["mirror unpin docker.io/library/app:1", /^1\n\n.*is not pinned/],
        ["mirror sync --dry-run", /^1\n.*docker\.io\/library\/app: 1 tags/s],
        ["mirror sync --json", /^1\n.*"failures":1/s],
        ["mirror purge docker.io/library/app:1", /^0\npurged/],
        ["mirror purge docker.io/library/app", /^0\npurged/],
        ["mirror purge docker.io/library/app", /^1\n\n/],
      ],
      { folder: ["--config", config], server: remoteOf(server.port) },
    ));

  test("add, change and remove mirrors with the same output", () =>
    compare(
      [
        [
          "mirror add quay.io https://quay.io --public",
          /^0\nquay\.io mirrors https:\/\/quay\.io\n/,
        ],
        ["mirror add quay.io https://quay.io", /^1\n\n.*there is a mirror quay\.io already/],
        ["mirror add Quay https://quay.io", /^1\n\n.*namespace must be one component/],
        ["mirror set quay.io --cache-size 5GB --deny a/* b/* --no-root", /^0\nchanged the mirror/],
        ["mirror set quay.io", /^2\n\n.*name at least one setting/],
        ["mirror set docker.io --public", /^1\n\n.*docker\.io is in the configuration/],
        ["mirror remove quay.io --json", /^0\n\{"namespace":"quay\.io","removed":true\}/],
        ["mirror remove quay.io", /^1\n\n.*there is no mirror quay\.io/],
      ],
      { folder: ["--config", config], server: remoteOf(server.port) },
    ));

  test("show the state of each mirror with the same fields", async () => {
    const fieldsOf = async (...more: string[]) => {
      const { code, stdout, stderr } = await berth(["mirror", "status", "--json", ...more]);
      assert.equal(code, 0, stderr);
      const { counters, schedules, ...rest } = JSON.parse(stdout) as {
        counters: object;
        schedules: { name: string }[];
      };
      // Only a server records the last run of a schedule.
      const names = schedules.map(({ name }) => name);
      return [Object.keys(rest).toSorted(), Object.keys(counters), names];
    };
    assert.deepEqual(await fieldsOf(...remoteOf(server.port)), await fieldsOf("--config", config));
  });
});
