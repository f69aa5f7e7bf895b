import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import net, { type AddressInfo } from "node:net";
import path from "node:path";
import { after, describe, test } from "node:test";
import { parseListenAddress } from "../../../src/config/addresses.ts";
import { startFailure } from "../../../src/cli/support/failure.ts";
import { berth, createFolder } from "../support.ts";

const folder = await createFolder();
const memory = { BERTH_STORAGE_DRIVER: "memory", BERTH_DATA: path.join(folder, "memory") };

/** An address on which a server listens until the tests have ended. */
async function addressInUse(): Promise<string> {
  const other = net.createServer().listen(0, "127.0.0.1");
  after(() => other.close());
  await once(other, "listening");
  return `127.0.0.1:${(other.address() as AddressInfo).port}`;
}

describe("berth serve exits with 1 and one line on standard error", { concurrency: 2 }, () => {
  const oneLine = async (env: NodeJS.ProcessEnv, told: RegExp): Promise<void> => {
    const { code, stdout, stderr } = await berth(["serve", "--open"], {
      ...memory,
      BERTH_LISTEN: "127.0.0.1:0",
      ...env,
    });
    assert.deepEqual([code, stdout], [1, ""], stderr);
    assert.match(stderr, told);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
  };

  test("when the port is in use", async () => {
    const listen = await addressInUse();
    const data = path.join(folder, "no server");
    await oneLine(
      { BERTH_LISTEN: listen, BERTH_STORAGE_DRIVER: "filesystem", BERTH_DATA: data },
      new RegExp(`^berth: ${listen} is already in use;.*--listen`),
    );
    assert.equal(existsSync(data), false, "the failed start left its data folder behind");
  });

  test("when the port is in use and metrics.listen is set", async () => {
    const listen = await addressInUse();
    const metrics = { BERTH_METRICS_LISTEN: "127.0.0.1:0", BERTH_LOG_LEVEL: "warn" };
    await oneLine({ BERTH_LISTEN: listen, ...metrics }, /^berth: .* is already in use/);
  });

  for (const workers of ["1", "2"]) {
    test(`when metrics.listen is in use, with ${workers} workers, before there is a data folder`, async () => {
      const listen = await addressInUse();
      const data = path.join(folder, `no metrics with ${workers} workers`);
      const env = { BERTH_STORAGE_DRIVER: "filesystem", BERTH_DATA: data, BERTH_WORKERS: workers };
      await oneLine(
        { ...env, BERTH_METRICS_LISTEN: listen },
        new RegExp(`^berth: cannot start: metrics\\.listen: .*in use ${listen}`),
      );
      assert.equal(existsSync(data), false, "the failed start left its data folder behind");
    });
  }

  test("when the address does not belong to this machine", async () => {
    const env = { BERTH_LISTEN: "192.0.2.1:0", BERTH_AUTH_OPEN_ON_NETWORK: "true" };
    await oneLine(env, /^berth: 192\.0\.2\.1:0 is not an address of this machine/);
  });

  test("when the data folder is a file", async () => {
    const file = path.join(folder, "file");
    await writeFile(file, "");
    for (const data of [file, path.join(file, "below")]) {
      await oneLine(
        { BERTH_STORAGE_DRIVER: "filesystem", BERTH_DATA: data },
        /^berth: cannot use the data folder .*(?:is not a folder|not a directory)/,
      );
    }
  });

  test("when the certificate cannot be read", async () => {
    await oneLine(
      { BERTH_TLS_CERT: "/no/cert", BERTH_TLS_KEY: "/no/key" },
      /tls\.cert \/no\/cert cannot be read: no such file/,
    );
  });

  test("or with a stack trace at log.level debug", async () => {
    const env = {
      ...memory,
      BERTH_TLS_CERT: "/no",
      BERTH_TLS_KEY: "/no",
      BERTH_LOG_LEVEL: "debug",
    };
    const { code, stderr } = await berth(["serve", "--open", "--listen", "127.0.0.1:0"], env);
    assert.equal(code, 1);
    assert.match(stderr, /at async/);
  });
});

test("the reason of a start with too few file descriptors is the limit, and not the file", () => {
  const listen = parseListenAddress("127.0.0.1:0") ?? assert.fail();
  const error = Object.assign(new Error("EMFILE: too many open files"), {
    ...{ code: "EMFILE", path: "/a/file.js" },
  });
  const place = { listen, data: "data", database: {} };
  assert.match(startFailure(error, place).message, /^too many open files: .* \(ulimit -n\)$/);
});
