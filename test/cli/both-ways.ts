import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { newFolder } from "../mirror/support.ts";
import { password } from "../support/closed.ts";
import { berth, type Ended } from "./support.ts";

/*
 * The same commands on a data folder and with --host on a running server: their output and their exit codes are equal,
 * but for times, ids, secrets and the actor.
 */

/** A file with the password of every user in these tests. */
export const secretFile = path.join(newFolder(), "password");
writeFileSync(secretFile, `${password}\n`);

const same = (text: string): string =>
  text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d/g, "TIME")
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, "ID")
    .replaceAll(/berth_[a-z]{3}_\w{38}|whsec_[\w-]{43}/g, "SECRET")
    .replaceAll(/"(actor|changed_by)":"(?:berth|root)"/g, '"$1":"WHO"')
    .replaceAll(/(since TIME, by) (?:berth|root)/g, "$1 WHO")
    .replaceAll(/"peer":"[^"]*"/g, '"peer":"WHERE"')
    .replaceAll(/(TIME) (?:berth|root from \S+): /g, "$1 WHO: ")
    // As CSV the address is the last cell.
    .replaceAll(/^(TIME),(?:berth|root),(.*),[^,"]*$/gm, "$1,WHO,$2,WHERE");

const shown = ({ code, stdout, stderr }: Ended): string =>
  same(`${code}\n${stdout}\n${stderr.split("\n")[0] ?? ""}`);

/** Runs each command both ways, and compares the results. */
export async function compare(
  steps: readonly (readonly [words: string, expected: RegExp, input?: string])[],
  ways: { readonly folder: readonly string[]; readonly server: readonly string[] },
): Promise<void> {
  for (const [words, expected, input] of steps) {
    const run = (more: readonly string[]): Promise<Ended> =>
      berth([...words.split(" "), ...more], {}, input);
    const [folder, server] = await Promise.all([run(ways.folder), run(ways.server)]);
    assert.match(shown(folder), expected, words);
    assert.equal(shown(server), shown(folder), words);
  }
}

/** The options for a server on a port, as the administrator `root`. */
export const remoteOf = (port: number): readonly string[] => [
  ...["--host", `http://127.0.0.1:${port}`],
  ...["--login", "root", "--password-file", secretFile],
];
