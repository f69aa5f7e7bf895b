import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  openWithPassphrase,
  sealWithPassphrase,
} from "../../../src/auth/signing-keys/passphrase.ts";

describe("a text that a passphrase encrypts", async () => {
  const sealed = await sealWithPassphrase("a secret text", "pass", "instance");
  // A backup has it as JSON.
  const stored = JSON.parse(JSON.stringify(sealed)) as typeof sealed;

  test("opens with the same passphrase", async () => {
    assert.equal(await openWithPassphrase(stored, "pass", "instance"), "a secret text");
    assert.doesNotMatch(JSON.stringify(stored), /a secret/);
  });

  test("does not open with another passphrase, for another registry, or changed", async () => {
    assert.equal(await openWithPassphrase(stored, "Pass", "instance"), undefined);
    assert.equal(await openWithPassphrase(stored, "pass", "other"), undefined);
    const changed = { ...stored, sealed: `A${stored.sealed.slice(1)}` };
    const same = changed.sealed === stored.sealed;
    const other = same ? { ...stored, sealed: `B${stored.sealed.slice(1)}` } : changed;
    assert.equal(await openWithPassphrase(other, "pass", "instance"), undefined);
  });

  test("is rejected if it asks for too much memory", async () => {
    const costly = { ...stored, cost: [2 ** 24, 8, 1] as const };
    await assert.rejects(openWithPassphrase(costly, "pass", "instance"), /memory/i);
  });
});
