import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { openCommandContext } from "../../src/app/command-context.ts";
import { loadConfig } from "../../src/config/load.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { berth, launch, type Running } from "../cli/support.ts";

const env = { BERTH_AUTH_OPEN: "true" };

async function serve(data: string, workers = 1): Promise<Running> {
  const running = await launch(["serve", "--data", data, "--listen", "127.0.0.1:0"], {
    ...env,
    BERTH_WORKERS: String(workers),
  });
  await running.until("http://");
  return running;
}

async function end({ child, ended }: Running, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  await ended;
}

/** Whether the last server of the folder has recorded a clean stop. False while a server runs. */
async function stoppedCleanly(data: string): Promise<boolean | undefined> {
  const loaded = await loadConfig({ flags: { data }, env: {} });
  assert.ok(loaded.ok);
  const context = await openCommandContext(loaded.config, { store: true });
  try {
    return (await (await context.database()).instance.get())?.cleanStop;
  } finally {
    await context.close();
  }
}

describe("the lock of a data folder", () => {
  for (const workers of [1, 2]) {
    test(`rejects a second server with an error and exit code 1, without a stack trace (workers: ${workers})`, async () => {
      const data = temporaryFolder();
      const first = await serve(data, workers);
      try {
        const second = await berth(["serve", "--data", data, "--listen", "127.0.0.1:0"], env);
        assert.match(
          second.stderr,
          /^berth: cannot start: another Berth server runs on the folder .*: stop it first/m,
        );
        assert.doesNotMatch(second.stderr, /^\s+at /m);
        assert.equal(second.code, 1);
        assert.equal(await stoppedCleanly(data), false);
      } finally {
        await end(first, "SIGTERM");
      }
      assert.equal(await stoppedCleanly(data), true);
    });

    test(`does not stop the next server after kill -9 of the first (workers: ${workers})`, async () => {
      const data = temporaryFolder();
      await end(await serve(data, workers), "SIGKILL");
      const second = await serve(data, workers);
      await end(second, "SIGTERM");
      assert.equal(second.child.exitCode, 0);
    });
  }

  test("lets check, gc, scrub and keys rotate run while a server runs", async () => {
    const data = temporaryFolder();
    const server = await serve(data);
    try {
      for (const command of [["check"], ["gc"], ["scrub"], ["keys", "rotate"]]) {
        const { code, stderr } = await berth([...command, "--data", data]);
        assert.equal(code, 0, `${command.join(" ")}: ${stderr}`);
      }
    } finally {
      await end(server, "SIGTERM");
    }
  });

  test("is released when a server fails to start, so that the next server starts", async () => {
    const data = temporaryFolder();
    const blocker = await import("node:net").then(({ createServer }) => createServer());
    blocker.listen(0, "127.0.0.1");
    await once(blocker, "listening");
    const address = blocker.address();
    assert.ok(typeof address === "object" && address !== null);
    const refused = await berth(
      ["serve", "--data", data, "--listen", `127.0.0.1:${address.port}`],
      env,
    );
    assert.match(refused.stderr, /already in use/);
    blocker.close();
    await end(await serve(data), "SIGTERM");
  });
});
