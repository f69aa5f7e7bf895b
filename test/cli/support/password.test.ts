import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { after, describe, test } from "node:test";
import path from "node:path";
import { createAccounts } from "../../../src/accounts/accounts.ts";
import { startBerth } from "../../support/berth.ts";
import { openDatabaseOf } from "../../support/database.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { commandEnvironment } from "../support.ts";

/** `script` of util-linux runs a command on a pseudo-terminal. */
const hasTerminal = spawnSync("script", ["--version"]).stdout?.includes("util-linux") ?? false;
const [ctrlC, ctrlD, backspace, enter, arrowUp] = ["\u0003", "\u0004", "\u007F", "\r", "\u001B[A"];
const secret = "zebra at a terminal";

/** Runs a command on a data folder, types the next text at each prompt, and returns all output of the terminal. */
async function typeAt(data: string, words: string, ...typed: readonly string[]): Promise<string> {
  const berth = `'${process.execPath}' dist/main.js ${words} --data ${data}`;
  // After the command the shell prints the settings of the terminal.
  const command = `${berth}; echo "code $?"; stty -a | grep -oE -- '-?(echo|icanon|isig)( |$)' | xargs`;
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    cwd: path.join(import.meta.dirname, "../../.."),
    env: { ...(await commandEnvironment(data)), SHELL: "/bin/sh" },
  });
  const ended = once(child, "close");
  let [screen, seen] = ["", 0];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    screen += text;
    const prompts = screen.match(/(?:Password for \w+|Repeat the password): /g)?.length ?? 0;
    for (; seen < prompts; seen += 1) child.stdin.write(typed[seen] ?? ctrlC);
  });
  await ended;
  return screen;
}

describe(
  "the password prompt at a terminal",
  { skip: hasTerminal ? false : "needs script of util-linux" },
  async () => {
    const data = temporaryFolder();
    const server = await startBerth(data);
    const database = await openDatabaseOf(data);
    const { authenticator } = createAccounts({ database, clock: Date.now, createOnPush: true });
    after(async () => {
      await database.close();
      await server.close();
    });
    const opens = async (name: string, password: string): Promise<boolean> => {
      const peer = "";
      return (await authenticator.authenticate({ name, secret: password }, peer)) !== undefined;
    };
    const restored = /code (\d+)\r\n(isig icanon echo|.*echo.*)/;

    test("asks twice, never echoes the password, and restores echo", async () => {
      const screen = await typeAt(data, "user add mia", secret + enter, secret + enter);
      assert.match(
        screen,
        /Password for mia: \r\nRepeat the password: \r\nuser mia added\r\ncode 0/,
      );
      assert.ok(!screen.includes(secret.slice(0, 3)), screen);
      assert.ok(await opens("mia", secret));
      assert.doesNotMatch(restored.exec(screen)?.[2] ?? "-", /-/, "the terminal echoes again");
    });

    test("applies backspace and ignores keys without characters", async () => {
      const typed = `canarx${backspace}y é🐤${backspace}n voyage`;
      const meant = "canary én voyage";
      const screen = await typeAt(data, "user password mia", typed + enter, `${meant}\n`);
      assert.match(screen, /the password of mia is set\r\ncode 0/);
      assert.ok(await opens("mia", meant));
      const again = await typeAt(
        data,
        "user password mia",
        secret + arrowUp + enter,
        secret + enter,
      );
      assert.match(again, /the password of mia is set\r\ncode 0/);
    });

    test("exits with 1 and changes nothing when the two passwords differ", async () => {
      const screen = await typeAt(data, "user password mia", secret + enter, `${secret}!${enter}`);
      assert.match(screen, /the two passwords differ; nothing was changed\r\ncode 1/);
      assert.ok(await opens("mia", secret));
    });

    for (const [key, name] of [
      [ctrlC, "Ctrl+C"],
      [ctrlD, "Ctrl+D"],
    ] as const) {
      test(`stops on ${name} without echo, changes nothing and restores the terminal`, async () => {
        const half = secret.slice(0, 8);
        for (const typed of [[half + key], [secret + enter, half + key]]) {
          const screen = await typeAt(data, "user add tom", ...typed);
          assert.match(screen, /canceled; nothing was changed\r\ncode \d+/);
          assert.ok(!screen.includes(half), screen);
          assert.doesNotMatch(restored.exec(screen)?.[2] ?? "-", /-/, screen);
          assert.equal(await database.accounts.find("tom"), undefined);
        }
      });
    }
  },
);
