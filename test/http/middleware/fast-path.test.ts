import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { password, startClosedBerth } from "../../support/closed.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { pushBlob, pushImageParts, putManifest } from "../../support/berth.ts";
import { describeSharedApi } from "../../support/describe-api.ts";

/**
 * Sends one request on its own connection; the raw answer with sorted header lines, without Date and without X-Request-Id,
 * which the fast path sends only if the log has a line of the request.
 */
function exchange(port: number, method: string, path: string, headers: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(
        `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n`,
      );
    });
    socket.on("data", (piece) => pieces.push(piece));
    socket.on("error", reject);
    socket.on("end", () => {
      const [head = "", ...body] = Buffer.concat(pieces).toString("latin1").split("\r\n\r\n");
      const [status = "", ...lines] = head.split("\r\n");
      const kept = lines.map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()));
      const isFixed = (line: string): boolean => !/^(?:date|x-request-id):/.test(line);
      const told = kept.filter(isFixed).toSorted();
      resolve([status, ...told, "", body.join("\r\n\r\n")].join("\n"));
    });
  });
}

describe("the fast path with tokens", () => {
  test("answers each caller of a manifest with the same bytes as the Koa pipeline", async () => {
    const berth = await startClosedBerth();
    await berth.addUser("ann");
    await berth.addUser("mia");
    await berth.pushImage("ann/private", "ann", "private");
    await berth.pushImage("ann/public", "ann", "public");
    const scopes = ["private", "public", "missing"].map((name) => `repository:ann/${name}:*`);
    const tokens = [
      await berth.token("ann", ...scopes),
      await berth.token("ann", "repository:ann/private:pull"),
      await berth.token("mia", ...scopes),
      await berth.token(undefined, ...scopes),
      "nonsense",
    ];
    const basic = Buffer.from(`ann:${password}`).toString("base64");
    const headers = ["", `Basic ${basic}`, ...tokens.map((token) => `Bearer ${token}`)];
    let found = 0;
    for (const name of ["ann/private", "ann/public", "ann/missing"]) {
      for (const header of headers) {
        for (const method of ["GET", "HEAD"]) {
          const path = `/v2/${name}/manifests/1`;
          const line = header === "" ? "" : `Authorization: ${header}\r\n`;
          const long = await exchange(berth.port, method, `${path}?long`, line);
          // The first request cached the token, so the fast path answers this one.
          const short = await exchange(berth.port, method, path, line);
          assert.equal(short, long, `${method} ${path} ${header}`);
          if (short.startsWith("HTTP/1.1 200")) found += 1;
        }
      }
    }
    assert.equal(found, 2 * (2 + 1 + 1 + 1 + 2), "answers that were 200");
  });

  test("answers each caller of a blob with the same bytes as the Koa pipeline", async () => {
    const berth = await startClosedBerth();
    await berth.addUser("ann");
    await berth.addUser("mia");
    await berth.pushImage("ann/private", "ann", "private");
    await berth.pushImage("ann/public", "ann", "public");
    const pushed = await pushBlob(berth.as("ann"), "ann/private", "of one repository");
    const scopes = ["private", "public", "missing"].map((name) => `repository:ann/${name}:*`);
    const tokens = [
      await berth.token("ann", ...scopes),
      await berth.token("ann", "repository:ann/private:pull"),
      await berth.token("mia", ...scopes),
      await berth.token(undefined, ...scopes),
    ];
    const statuses = new Set<string>();
    for (const name of ["ann/private", "ann/public", "ann/missing"]) {
      for (const token of tokens) {
        for (const method of ["GET", "HEAD"]) {
          for (const digest of [pushed, digestOf(Buffer.from("never pushed"))]) {
            const path = `/v2/${name}/blobs/${digest}`;
            const line = `Authorization: Bearer ${token}\r\n`;
            const long = await exchange(berth.port, method, `${path}?long`, line);
            const short = await exchange(berth.port, method, path, line);
            assert.equal(short, long, `${method} ${path} ${token}`);
            statuses.add(short.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length));
          }
        }
      }
    }
    assert.deepEqual([...statuses].toSorted(), ["200", "401", "404"]);
  });

  test("answers GET /v2/ with the same bytes as the Koa pipeline, and only to a known principal", async () => {
    const berth = await startClosedBerth();
    await berth.addUser("ann");
    const basic = Buffer.from(`ann:${password}`).toString("base64");
    const tokens = [await berth.token("ann"), await berth.token(undefined), "nonsense"];
    const found: string[] = [];
    for (const header of ["", `Basic ${basic}`, ...tokens.map((token) => `Bearer ${token}`)]) {
      for (const method of ["GET", "HEAD"]) {
        const line = header === "" ? "" : `Authorization: ${header}\r\n`;
        const long = await exchange(berth.port, method, "/v2/?long", line);
        assert.equal(await exchange(berth.port, method, "/v2/", line), long, `${method} ${header}`);
        found.push(long.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length));
      }
    }
    assert.deepEqual(found, ["401", "401", "200", "200", "200", "200", "200", "200", "401", "401"]);
  });
});

describeSharedApi("the fast path", (berth) => {
  test("answers every name, reference and header with the same bytes as the Koa pipeline", async () => {
    const image = await pushImageParts(berth(), "team/app");
    await putManifest(berth(), "team/app", "1", image.manifest).expect(201);
    await putManifest(
      berth(),
      "alpine",
      "1",
      { schemaVersion: 2, manifests: [] },
      "application/vnd.oci.image.index.v1+json",
    ).expect(201);
    const names = [
      "team/app",
      "alpine",
      "library/alpine",
      "no/such",
      "UPPER",
      "search/x",
      "a//b",
      "..",
      "",
    ];
    const references = [
      "1",
      image.digest,
      image.digest.replace("a", "b"),
      "no-such-tag",
      "sha256:short",
      "-bad",
      "1/2",
      "",
    ];
    const headers = [
      "",
      "Accept: text/html\r\n",
      `If-None-Match: "${image.digest}"\r\n`,
      "Accept-Encoding: gzip\r\n",
      "Range: bytes=0-1\r\n",
    ];
    let found = 0;
    for (const name of names) {
      for (const reference of references) {
        for (const header of headers) {
          for (const method of ["GET", "HEAD"]) {
            const path = `/v2/${name}/manifests/${reference}`;
            // The route ignores an unknown query, but a request with a query does not use the fast path.
            const [short, long] = await Promise.all([
              exchange(berth().port, method, path, header),
              exchange(berth().port, method, `${path}?long`, header),
            ]);
            assert.equal(short, long, `${method} ${path} ${header}`);
            if (short.startsWith("HTTP/1.1 200")) found += 1;
          }
        }
      }
    }
    assert.ok(found >= 24, `${found} answers were 200`);
  });

  test("answers every name, digest and header of a blob with the same bytes as the Koa pipeline", async () => {
    const small = await pushBlob(berth(), "team/blobs", "a small blob");
    const large = await pushBlob(berth(), "team/blobs", "a larger blob ".repeat(10_000));
    const names = ["team/blobs", "no/such", "UPPER", "a//b", ""];
    const digests = [small, large, small.replace(/.$/, "x"), digestOf(Buffer.from("none")), "1"];
    const headers = [
      "",
      `If-None-Match: "${small}"\r\n`,
      "Range: bytes=2-5\r\n",
      `Range: bytes=2-5\r\nIf-Range: "${small}"\r\n`,
      "Range: bytes=1000000-\r\n",
    ];
    let found = 0;
    for (const name of names) {
      for (const digest of digests) {
        for (const header of headers) {
          for (const method of ["GET", "HEAD"]) {
            const path = `/v2/${name}/blobs/${digest}`;
            const short = await exchange(berth().port, method, path, header);
            const long = await exchange(berth().port, method, `${path}?long`, header);
            assert.equal(short, long, `${method} ${path} ${header}`);
            if (short.startsWith("HTTP/1.1 20")) found += 1;
          }
        }
      }
    }
    assert.equal(found, 14, "answers that were 200 or 206");
  });

  test("answers /v2/ with the same bytes as the Koa pipeline", async () => {
    for (const method of ["GET", "HEAD", "POST", "OPTIONS"]) {
      for (const header of ["", "If-None-Match: *\r\n", "Authorization: Bearer nonsense\r\n"]) {
        const short = await exchange(berth().port, method, "/v2/", header);
        const long = await exchange(berth().port, method, "/v2/?long", header);
        assert.equal(short, long, `${method} ${header}`);
        assert.equal(short.startsWith("HTTP/1.1 200"), ["GET", "HEAD"].includes(method));
      }
    }
  });

  test("the next request after a tag move or a manifest deletion gets the new state", async () => {
    const first = await pushImageParts(berth(), "team/moved", { layer: "one" });
    const second = await pushImageParts(berth(), "team/moved", { layer: "two" });
    for (let round = 0; round < 15; round += 1) {
      for (const image of [first, second]) {
        await putManifest(berth(), "team/moved", "tag", image.manifest).expect(201);
        const { headers } = await berth().api.head("/v2/team/moved/manifests/tag").expect(200);
        assert.equal(headers["docker-content-digest"], image.digest);
      }
      await berth().api.delete(`/v2/team/moved/manifests/${second.digest}`).expect(202);
      await berth().api.get("/v2/team/moved/manifests/tag").expect(404);
      await berth().api.get(`/v2/team/moved/manifests/${second.digest}`).expect(404);
    }
  });
});
