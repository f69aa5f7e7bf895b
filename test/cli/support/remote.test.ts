import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import process from "node:process";
import { pushImageParts, putManifest } from "../../support/berth.ts";
import { password, startClosedBerth } from "../../support/closed.ts";
import { berth as run, createFolder } from "../support.ts";

const ociIndex = "application/vnd.oci.image.index.v1+json";
const ociImage = "application/vnd.oci.image.manifest.v1+json";

const berth = await startClosedBerth();
await berth.addUser("ann");
await berth.addUser("mia");
const host = `127.0.0.1:${berth.port}`;
const folder = await createFolder();

/** Creates a folder for DOCKER_CONFIG with a `config.json` as `docker login` writes it. */
function dockerFolder(name: string, config: object): string {
  const made = path.join(folder, name);
  mkdirSync(made);
  writeFileSync(path.join(made, "config.json"), JSON.stringify(config));
  return made;
}
const authOf = (name: string, secret = password) => ({
  auths: { [host]: { auth: Buffer.from(`${name}:${secret}`).toString("base64") } },
});
const settings = {
  ann: { DOCKER_CONFIG: dockerFolder("ann", authOf("ann")) },
  mia: { DOCKER_CONFIG: dockerFolder("mia", authOf("mia")) },
  wrong: { DOCKER_CONFIG: dockerFolder("wrong", authOf("ann", "wrong")) },
  nobody: { DOCKER_CONFIG: path.join(folder, "none") },
};
type Who = keyof typeof settings;

async function says(who: Who, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await run([...words, "--host", host], settings[who]);
  // An empty list says so on standard error.
  assert.equal(`${stderr.replace("nothing found\n", "")}${code}`, "0");
  return stdout;
}
async function fails(who: Who, ...words: string[]): Promise<string> {
  const { code, stderr, stdout } = await run([...words, "--host", host], settings[who]);
  assert.deepEqual([code, stdout], [1, ""]);
  return stderr;
}

const ann = berth.as("ann");
const [one, two] = [
  await pushImageParts(ann, "ann/app", {
    layer: "first",
    config: { os: "linux", architecture: "amd64", config: { Env: ["A=1"], Cmd: ["a"] } },
  }),
  await pushImageParts(ann, "ann/app", {
    layer: "second!",
    config: { os: "linux", architecture: "amd64", config: { Env: ["A=2"], Cmd: ["a"] } },
  }),
];
await putManifest(ann, "ann/app", "1", one.manifest).expect(201);
await putManifest(ann, "ann/app", "1", two.manifest).expect(201);
await putManifest(ann, "ann/app", "old", one.manifest).expect(201);
for (const build of ["10.0.20348.2762", "10.0.26100.2314"]) {
  const config = { os: "windows", architecture: "amd64", "os.version": build };
  const image = await pushImageParts(ann, "ann/app", { layer: build, config });
  await putManifest(ann, "ann/app", image.digest, image.manifest).expect(201);
}

describe("the commands for a remote server", () => {
  test("list and show only repositories that the user may read", async () => {
    const table = await says("ann", "repo", "ls");
    assert.match(
      table,
      /^NAME +VISIBILITY +TAGS +SIZE +PULLS +STARS +UPDATED\nann\/app +private +2 /,
    );
    assert.ok(!table.includes("\u001B"), "no colours without a terminal");
    assert.equal(await says("mia", "repo", "ls", "--json"), "");
    const shown = await says("ann", "repo", "show", "ann/app");
    assert.match(
      shown,
      /for +linux, windows, amd64\nwindows builds +10\.0\.20348\.2762, 10\.0\.26100/,
    );
    assert.match(
      await fails("mia", "repo", "show", "ann/app"),
      /^berth: there is no such repository/,
    );
    assert.match(await fails("nobody", "repo", "show", "ann/app"), /docker login 127\.0\.0\.1/);
    assert.match(await fails("wrong", "repo", "ls"), /rejects the password/);
  });

  test("show the platforms, signatures and history of a tag, and roll the tag back", async () => {
    const manifests = [{ mediaType: ociImage, digest: two.digest, size: two.manifest.length }];
    const index = { schemaVersion: 2, mediaType: ociIndex, manifests };
    await putManifest(ann, "ann/app", "multi", index, ociIndex).expect(201);
    const subject = { mediaType: ociImage, digest: two.digest, size: two.manifest.length };
    const signature = await pushImageParts(ann, "ann/app", {
      ...{ layer: "signed", extra: { subject, artifactType: "application/x.signature" } },
    });
    await putManifest(ann, "ann/app", signature.digest, signature.manifest).expect(201);
    const shown = await says("ann", "tag", "show", "ann/app:multi");
    assert.match(shown, /PLATFORM +SIZE +DIGEST\nlinux\/amd64 /);
    assert.match(shown, new RegExp(`application/x.signature +\\d+ B +${signature.digest}`));

    const moves = (await says("ann", "tag", "history", "ann/app:1", "--json")).trim().split("\n");
    assert.deepEqual(
      moves.map((line) => {
        const { digest, actor } = JSON.parse(line) as { digest: string; actor: string };
        return [digest, actor];
      }),
      [
        [two.digest, "ann"],
        [one.digest, "ann"],
      ],
    );
    await says("ann", "tag", "rollback", "ann/app:1");
    const { headers } = await ann.api.head("/v2/ann/app/manifests/1").expect(200);
    assert.equal(headers["docker-content-digest"], one.digest);
    const absent = one.digest.replace(/.{8}$/, "00000000");
    assert.match(
      await fails("ann", "tag", "rollback", "ann/app:1", absent),
      /has never pointed to/,
    );
    await says("ann", "tag", "rollback", "ann/app:1", two.digest);
    await berth.exec("UPDATE repositories SET immutable_tags = '[]' WHERE name = 'ann/app'");
    assert.match(await fails("ann", "tag", "rollback", "ann/app:1"), /the tag 1 is immutable/);
    await berth.exec("UPDATE repositories SET immutable_tags = NULL WHERE name = 'ann/app'");
  });

  test("print the difference between two tags", async () => {
    const text = await says("ann", "tag", "diff", "ann/app:old", "multi");
    assert.match(text, /download +7 B for a client that has old/);
    assert.match(text, /\nLayers: 0 shared\n- sha256:\w{12} {2}5 B\n\+ sha256:\w{12} {2}7 B\n/);
    assert.match(text, /\nSettings\n- config\.Env\.A: 1\n\+ config\.Env\.A: 2\n$/);
  });

  test("search repositories with filters", async () => {
    const find = async (...words: string[]) => (await says("ann", "search", ...words)).split("\n");
    assert.match((await find("app"))[1] ?? "", /^ann\/app +0 +\d+ +private/);
    assert.equal((await find("app", "--os-version", "10.0.26100.2314")).length, 3);
    assert.equal((await find("app", "--os-version", "10.0.1.1")).length, 1);
    assert.equal((await find("app", "--os", "linux", "--architecture", "arm64")).length, 1);
  });

  test("read the password from the credential helper in Docker's config.json", async () => {
    const bin = path.join(folder, "bin");
    mkdirSync(bin);
    const helper = path.join(bin, "docker-credential-told");
    const answer = JSON.stringify({ Username: "ann", Secret: password });
    writeFileSync(
      helper,
      `#!/bin/sh\nread host\n[ "$1 $host" = "get ${host}" ] && echo '${answer}' || { echo 'credentials not found'; exit 1; }\n`,
    );
    chmodSync(helper, 0o755);
    const env = {
      DOCKER_CONFIG: dockerFolder("helped", { credsStore: "told" }),
      PATH: `${bin}:${process.env["PATH"]}`,
    };
    const { stdout } = await run(["repo", "ls", "--json", "--host", host], env);
    assert.match(stdout, /"name":"ann\/app"/);
  });

  test("remove tags and repositories that the user may delete", async () => {
    await says("ann", "tag", "rm", "ann/app:old");
    assert.match(
      await fails("ann", "tag", "rm", "ann/app:old"),
      /there is no tag old in this repository/,
    );
    const unconfirmed = await run(["repo", "rm", "ann/app", "--host", host], settings.ann);
    assert.deepEqual([unconfirmed.code, /confirm with --yes/.test(unconfirmed.stderr)], [2, true]);
    assert.match(await fails("mia", "repo", "rm", "ann/app", "--yes"), /no such repository/);
    await says("ann", "repo", "rm", "ann/app", "--yes");
    assert.match(await fails("ann", "repo", "show", "ann/app"), /no such repository/);
  });

  test("use localhost:5000 by default, as in the startup banner", async () => {
    for (const words of ["repo ls", "tag show", "search"]) {
      const { stdout } = await run([...words.split(" "), "--help"]);
      assert.match(stdout, /--host <url>[^]*\(default: BERTH_HOST,\s+or\s+localhost:5000\)/);
    }
  });

  test("exit with 1 and an error when the server cannot be reached", async () => {
    const { code, stderr } = await run(["repo", "ls", "--host", "127.0.0.1:1"], settings.nobody);
    assert.deepEqual([code, /cannot reach/.test(stderr)], [1, true], stderr);
  });
});
