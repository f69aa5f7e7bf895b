import assert from "node:assert/strict";
import path from "node:path";
import { after, describe, test } from "node:test";
import { startClosedBerth } from "../../support/closed.ts";
import { berth as run, createFolder, launch } from "../support.ts";

const certificate = path.join(import.meta.dirname, "../../support/tls/first.cert.pem");
const data = path.join(await createFolder(), "data");
const server = await launch(["serve", "--data", data, "--listen", "127.0.0.1:0", "--open"], {
  BERTH_TLS_CERT: certificate,
  BERTH_TLS_KEY: certificate.replace("cert", "key"),
});
after(() => server.child.kill());
const [, port = ""] = /:(\d+)/.exec(await server.until("https://")) ?? [];
const secured = `localhost:${port}`;
const plain = await startClosedBerth();
await plain.addUser("ann");
const nobody = { DOCKER_CONFIG: path.join(data, "none") };

async function fails(code: number, ...words: string[]): Promise<string> {
  const ended = await run(words, nobody);
  assert.deepEqual([ended.code, ended.stdout], [code, ""]);
  return ended.stderr;
}

describe("a command that calls a server by TLS", () => {
  const list = (...words: string[]) => ["repo", "ls", "--host", `https://${secured}`, ...words];

  test("names the remedies for a certificate of an unknown authority", async () => {
    assert.equal(
      await fails(1, ...list()),
      `berth: the certificate of ${secured} is signed by an unknown authority: name it with --ca FILE, or do not verify it with --insecure\n`,
    );
  });

  for (const words of [["--ca", certificate], ["--insecure"]])
    test(`gets the answer with ${words[0]}`, async () => {
      const ended = await run(list(...words), nobody);
      assert.deepEqual(ended, { code: 0, stdout: "", stderr: "nothing found\n" });
    });

  test("says that a file of certificates cannot be read", async () => {
    assert.match(await fails(1, ...list("--ca", "/no/such.pem")), /^berth: cannot read \/no\/such/);
  });

  test("says which scheme a server has, if the address has the other one", async () => {
    assert.equal(
      await fails(1, "repo", "ls", "--host", `http://${secured}`),
      `berth: ${secured} closed the connection: if it expects TLS, write --host https://${secured}\n`,
    );
    const other = `127.0.0.1:${plain.port}`;
    assert.equal(
      await fails(1, "repo", "ls", "--host", `https://${other}`),
      `berth: ${other} does not use TLS: write --host http://${other}\n`,
    );
  });
});

describe("a command that calls a server", () => {
  const other = `127.0.0.1:${plain.port}`;

  test("asks the server in the name of an image", async () => {
    assert.match(await fails(1, "tag", "ls", `${other}/ann/app`), /there is no such repository/);
    assert.match(await fails(1, "tag", "show", `${other}/ann/app:1`), new RegExp(other));
  });

  test("takes a first component with a dot as a namespace if --host names the server", async () => {
    const message = await fails(1, "tag", "ls", "docker.io/library/alpine", "--host", other);
    assert.match(message, /there is no such repository/);
  });

  test("names the choice if the host of a name is no Berth server, and may be a mirror", async () => {
    const message = await fails(1, "tag", "ls", "127.0.0.1/library/alpine");
    assert.match(
      message,
      /\. If 127\.0\.0\.1 is a mirror, name the Berth server .* with --host\n$/,
    );
    assert.doesNotMatch(await fails(1, "tag", "ls", "127.0.0.1:1/library/alpine"), /a mirror/);
  });

  test("asks the server in BERTH_HOST, which is no setting of a server", async () => {
    const ended = await run(["repo", "ls"], { ...nobody, BERTH_HOST: other });
    assert.deepEqual(ended, { code: 0, stdout: "", stderr: "nothing found\n" });
  });

  test("ends with code 2 if its words are wrong", async () => {
    assert.match(await fails(2, "tag", "show", "ann/app"), /ann\/app has no tag/);
    assert.match(await fails(2, "repo", "ls", "--limit", "0"), /--limit must be a whole number/);
    assert.match(await fails(2, "tag", "ls", `${other}/ann/app`, "--host", secured), /two servers/);
    assert.match(
      await fails(2, "user", "list", "--host", other, "--data", data),
      /leave --data and --config away/,
    );
    assert.match(
      await fails(2, "user", "list", "--host", other, "--login", "x"),
      /belong together/,
    );
  });

  test("says that the password of --login is wrong", async () => {
    const wrong = path.join(import.meta.dirname, "remote-connection.test.ts");
    const words = ["--host", other, "--login", "ann", "--password-file", wrong];
    assert.equal(
      await fails(1, "user", "list", ...words),
      `berth: ${other} rejects the user name or the password of --login\n`,
    );
  });
});
