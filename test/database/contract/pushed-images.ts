import {
  app,
  base,
  blob,
  by,
  change,
  digest,
  manifest,
  named,
  reference,
  type Step,
} from "./support.ts";

export const ids = { app: 1, base: 2, image: 1, index: 3, bob: 3 };

/** Two repositories with images, a description and a star: what the reads of catalog and images find. */
export const pushedImagesSteps: readonly Step[] = [
  [(db) => db.commands.createAccount({ ...change, name: "team", kind: "organisation" }), 2],
  [(db) => db.commands.createAccount({ ...change, name: "bob", kind: "user" }), 3],
  [
    (db) => db.commands.createRepository({ ...change, repository: app, visibility: "public" }),
    "created",
  ],
  [
    (db) => db.commands.createRepository({ ...change, repository: base, visibility: "private" }),
    "created",
  ],
  [(db) => db.commands.storeBlob(blob("config")), "stored"],
  [(db) => db.commands.storeBlob(blob("layer")), "stored"],
  [
    (db) => db.commands.storeBlob({ ...blob("layer", base), storageKey: "second key" }),
    "duplicate",
  ],
  [
    (db) =>
      db.commands.putManifest(
        manifest("image", [reference(0, "config", "config"), reference(1, "layer", "layer")], {
          tags: ["Ab_1"],
          columns: {
            os: "linux",
            architecture: "amd64",
            config_media_type: "application/vnd.oci.image.config.v1+json",
          },
        }),
      ),
    { outcome: "stored" },
  ],
  [
    (db) =>
      db.commands.putManifest(
        manifest("second", [], { tags: ["latest"], columns: { media_type: "type/x" } }),
      ),
    { outcome: "stored" },
  ],
  [
    (db) =>
      db.commands.putManifest(
        manifest(
          "index",
          [
            reference(0, "child", "image"),
            reference(1, "child", "missing", {
              required: 0,
              os: "windows",
              os_features: '["win32k"]',
              annotations:
                '{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"sha256:a"}',
            }),
          ],
          { columns: { kind: "index" } },
        ),
      ),
    { outcome: "stored" },
  ],
  [
    (db) =>
      db.commands.putManifest(
        manifest("signature", [], {
          columns: { subject_digest: digest("image"), artifact_type: "type/signature" },
        }),
      ),
    { outcome: "stored" },
  ],
  [
    (db) =>
      db.commands.setDescription({ ...change, repository: app, short: "Söme App", full: "readme" }),
    true,
  ],
  [
    (db) => db.commands.setDescription({ ...change, repository: named("team/none"), short: "" }),
    false,
  ],
  [(db) => db.commands.star({ ...by(ids.bob, "bob"), repository: app }), true],
  [(db) => db.commands.star({ ...by(ids.bob, "bob"), repository: app }), true],
];
