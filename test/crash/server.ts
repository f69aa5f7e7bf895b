import assert from "node:assert/strict";
import { after } from "node:test";
import { launch, type Running } from "../cli/support.ts";
import { createWire, type Wire } from "./wire.ts";

/** The built program, as `berth serve --open`. */
export interface Server {
  readonly wire: Wire;
  /** Sends SIGKILL, and waits until the process has ended. */
  readonly kill: () => Promise<void>;
}

/** Starts a server on a data folder; an `after` hook ends it. `env`: settings besides the log level. */
export async function startServer(data: string, env: NodeJS.ProcessEnv = {}): Promise<Server> {
  const running: Running = await launch(
    ["serve", "--open", "--data", data, "--listen", "127.0.0.1:0"],
    { BERTH_LOG_LEVEL: "warn", ...env },
  );
  after(() => running.child.kill("SIGKILL"));
  const url = /listens on (http:\/\/\S+)/.exec(await running.until("docker push"))?.[1];
  assert.ok(url);
  const wire = createWire(url);
  const kill = async (): Promise<void> => {
    assert.equal(running.child.exitCode ?? running.child.signalCode, null, "it had ended before");
    running.child.kill("SIGKILL");
    await running.ended;
    wire.close();
  };
  return { wire, kill };
}
