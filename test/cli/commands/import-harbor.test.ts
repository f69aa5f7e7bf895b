import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { pushImageParts, putManifest } from "../../support/berth.ts";
import { password, startClosedBerth, type ClosedBerth } from "../../support/closed.ts";
import { robot, startHarbor, type HarborProject } from "../../support/harbor.ts";
import { pullImage } from "../support/imports.ts";
import { berth as run } from "../support.ts";

const pushedAt = "2024-03-01T10:00:00.123Z";
const earlier = "2023-05-06T07:08:09.000Z";
const readme = "# App\n\nHow to use it";

/** Three images, a manifest without a tag, and a signature that has the tag of cosign. */
async function pushImages(source: ClosedBerth): Promise<readonly HarborProject[]> {
  const admin = source.as("admin");
  for (const name of ["library/alpine", "team/app", "team/sub/tool"])
    await source.pushImage(name, "admin", "private");
  const { digest } = await pushImageParts(admin, "team/app");
  const push = async (layer: string, tag?: string) => {
    const parts = await pushImageParts(admin, "team/app", { layer });
    await putManifest(admin, "team/app", tag ?? parts.digest, parts.manifest).expect(201);
    return parts.digest;
  };
  const untagged = await push("an older layer");
  const signature = await push("a signature", `sha256-${digest.slice(7)}.sig`);
  const image = { digest, pushedAt: earlier, tags: { "1": pushedAt } };
  const empty = Array.from({ length: 100 }, (_, at) => `empty${at}`);
  return [
    {
      name: "library",
      isPublic: true,
      repositories: [{ name: "library/alpine", artifacts: [image] }],
    },
    ...[...empty, "2024"].map((name) => ({ name, isPublic: true, repositories: [] })),
    {
      ...{ name: "team", isPublic: false },
      members: [
        { name: "mia", role: "developer", kind: "u" },
        { name: "ops", role: "projectAdmin", kind: "g" },
      ],
      repositories: [
        {
          ...{ name: "team/app", description: readme },
          artifacts: [
            { ...image, signature },
            { digest: untagged, pushedAt: earlier, tags: {} },
          ],
        },
        { name: "team/sub/tool", artifacts: [image] },
      ],
    },
  ];
}

describe("berth import registry of Harbor", async () => {
  const source = await startClosedBerth();
  const projects = await pushImages(source);
  const harbor = await startHarbor({ port: source.port, password }, projects);
  after(() => harbor.close());
  const importInto = (data: string, args: readonly string[], secret = robot.secret) =>
    run(
      [
        ...["import", "registry", harbor.url, "--data", data, "--user", robot.name],
        ...["--password-stdin", ...args],
      ],
      {},
      `${secret}\n`,
    );
  const timesIn = async ({ tables }: ClosedBerth): Promise<Readonly<Record<string, string>>> => {
    const rows = await tables.rows<{ name: string; tag: string; at: number }>(
      "SELECT repositories.name AS name, tags.name AS tag, tags.updated_at AS at FROM tags JOIN repositories ON repositories.id = repository_id",
    );
    return Object.fromEntries(
      rows.map(({ name, tag, at }) => [`${name}:${tag}`, new Date(at).toISOString()]),
    );
  };

  test("a robot account imports all projects with their visibility, push times, descriptions and signatures", async () => {
    const target = await startClosedBerth();
    const planned = await importInto(target.data, ["--dry-run"]);
    assert.match(planned.stdout, /^would import 4 tags, 5 manifests /m);
    assert.match(planned.stdout, /^would make organisations: team\nto give one to a user /m);
    const imported = await importInto(target.data, []);
    assert.equal(imported.code, 0, imported.stdout + imported.stderr);
    assert.match(imported.stdout, /^imported 4 tags, 5 manifests .*; 3 repositories were read$/m);
    assert.match(imported.stdout, /^made organisations: team$/m);
    assert.match(
      imported.stdout,
      /^not imported: the user mia is a member of team \(developer\)$/m,
    );
    assert.match(
      imported.stdout,
      /^not imported: the group ops is a member of team \(projectAdmin\)$/m,
    );

    const { tables } = target;
    const visibilities = "SELECT name, visibility FROM repositories ORDER BY name";
    assert.deepEqual(
      [...(await tables.rows(visibilities))].map((row) => ({ ...(row as object) })),
      [
        { name: "library/alpine", visibility: "public" },
        { name: "team/app", visibility: "private" },
        { name: "team/sub/tool", visibility: "private" },
      ],
    );
    assert.deepEqual(await tables.values("SELECT full_text FROM repository_descriptions"), [
      readme,
    ]);
    const { "team/app:1": ofTag, "library/alpine:1": ofAlpine } = await timesIn(target);
    assert.deepEqual([ofTag, ofAlpine], [pushedAt, pushedAt]);
    const [, untagged] = projects.at(-1)?.repositories[0]?.artifacts ?? [];
    const pushed = "SELECT pushed_at FROM manifests WHERE digest = ?";
    assert.equal(await tables.value(pushed, untagged?.digest ?? ""), Date.parse(earlier));
    const admin = target.as("admin");
    assert.equal(
      await pullImage(admin, "team/sub/tool", "1"),
      await pullImage(admin, "team/app", "1"),
    );

    const again = await importInto(target.data, []);
    assert.match(again.stdout, /^4 tags were there$/m);
    assert.equal(again.code, 0, again.stdout + again.stderr);
  });

  test("imports the named projects or repositories, with the same details", async () => {
    const target = await startClosedBerth();
    const one = await importInto(target.data, ["--repository", "team/app", "team/none"]);
    assert.match(one.stdout, /^skipped team\/none: .* does not have the content$/m);
    assert.match(one.stdout, /; 1 repositories were read$/m);
    assert.equal((await timesIn(target))["team/app:1"], pushedAt);
    const all = await importInto(target.data, ["--namespace", "team", "2024"]);
    assert.match(all.stdout, /; 2 repositories were read$/m);
    assert.equal(all.code, 0, all.stdout + all.stderr);
    const none = await importInto(target.data, ["--namespace", "none"]);
    assert.match(none.stderr, /it does not list these repositories/);
    assert.equal(none.code, 1);
  });

  test("without a login it reads the public projects, and a wrong password ends it", async () => {
    const target = await startClosedBerth();
    const wrong = await importInto(target.data, [], "wrong");
    assert.match(wrong.stderr, /^berth: .*rejects the username and password.*\n$/);
    assert.equal(wrong.code, 1);
    await source.exec(
      "UPDATE repositories SET visibility = 'public' WHERE name = 'library/alpine'",
    );
    const args = [
      "import",
      "registry",
      harbor.url,
      "--data",
      target.data,
      "--visibility",
      "private",
    ];
    const anonymous = await run(args);
    assert.match(anonymous.stdout, /^imported 1 tags, 1 manifests .*; 1 repositories were read$/m);
    assert.deepEqual(await target.tables.values("SELECT visibility FROM repositories"), [
      "private",
    ]);
  });
});
