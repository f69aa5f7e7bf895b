import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { after, describe, mock, test } from "node:test";
import { OCI_INDEX } from "../../../src/oci/media-types.ts";
import { recentBytes } from "../../../src/registry/recent-blobs.ts";
import { connect } from "../../server/support.ts";
import { ociManifest, pushImageParts, putManifest, startBerth } from "../../support/berth.ts";
import { endTurn, watchQueries } from "../../support/statements.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/*
 * The client disconnects at the first step of an answer that takes many steps. The mocks of fs.open and of the
 * statements call the original; they only count calls and wait until the server has noticed the disconnect.
 */

const tagsOfPage = 100;
/** A field of configs that are not kept in memory after their push. */
const comment = "x".repeat(recentBytes);
const repository = "team/app";

// The scrubber also opens configs, so it is turned off.
const berth = await startBerth(temporaryFolder(), { "scrub.interval": "0s" });
after(async () => {
  mock.restoreAll();
  syncBuiltinESMExports();
  await berth.close();
});

const images = await Promise.all(
  ["a", "b", "c"].map(async (architecture) => {
    const image = await pushImageParts(berth, repository, {
      config: { os: "linux", architecture, comment },
    });
    await putManifest(berth, repository, architecture, image.manifest).expect(201);
    return { ...image, platform: { os: "linux", architecture } };
  }),
);
const index = (annotations: object) => ({
  ...{ schemaVersion: 2, mediaType: OCI_INDEX, annotations },
  manifests: images.map(({ manifest, digest, platform }) => ({
    ...{ mediaType: ociManifest, digest, size: manifest.length, platform },
  })),
});
for (let place = 0; place < tagsOfPage; place += 1)
  await putManifest(
    ...[berth, repository, `index-${place}`, index({ place: String(place) }), OCI_INDEX],
  ).expect(201);
// Two images of the same platform, with different configs.
const compared = await Promise.all(
  ["from", "to"].map(async (tag) => {
    const config = { os: "linux", architecture: "amd64", author: tag, comment };
    const image = await pushImageParts(berth, repository, { config });
    await putManifest(berth, repository, tag, image.manifest).expect(201);
    return image;
  }),
);
const configs = [...images, ...compared].map(({ config }) => config.split(":")[1] ?? "");

let configOpens: () => Promise<void> | void = () => undefined;
const open = fs.open;
mock.method(fs, "open", async (...given: Parameters<typeof open>) => {
  if (configs.some((hex) => String(given[0]).includes(hex))) await configOpens();
  return open(...given);
});
syncBuiltinESMExports();

let indexIsRead: () => void = () => undefined;
watchQueries((text) => {
  if (text.includes("FROM manifest_references AS entry")) indexIsRead();
});

/** Sends two requests. When they are answered, the server has noticed that an earlier connection was closed. */
async function roundTrips(): Promise<void> {
  for (let count = 0; count < 2; count += 1) await berth.api.get("/v2/").expect(200);
}

describe("when the client disconnects, the server stops the work for its answer", () => {
  const answers = {
    "the images of a tag": { path: `/v2/repositories/${repository}/tags/index-0/images`, reads: 3 },
    "the difference of two tags": {
      path: `/api/berth/v1/repositories/${repository}/-/diff?from=from&to=to`,
      reads: 2,
    },
  };
  for (const [what, { path, reads }] of Object.entries(answers))
    test(`it reads no further config for ${what}`, async () => {
      const client = await connect(berth.port);
      let opened = 0;
      const left = new Promise<void>((resolve) => {
        configOpens = async () => {
          opened += 1;
          if (opened > 1) return;
          client.socket.destroy();
          await roundTrips();
          resolve();
        };
      });
      client.socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      await left;
      await roundTrips();
      assert.equal(opened, 1);
      await berth.api.get(path).expect(200);
      assert.equal(opened, 1 + reads);
    });

  test(`it does not read all indexes for a page of ${tagsOfPage} tags`, async () => {
    const client = await connect(berth.port);
    let read = 0;
    indexIsRead = () => {
      read += 1;
      client.socket.destroy();
      endTurn();
    };
    const path = `/v2/repositories/${repository}/tags?name=index&page_size=${tagsOfPage}`;
    client.socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await once(client.socket, "close");
    await roundTrips();
    const readInTime = read;
    await roundTrips();
    assert.equal(read, readInTime);
    assert.ok(read > 0 && read < tagsOfPage, `${read} indexes were read`);
  });
});
