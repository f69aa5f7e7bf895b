import fc from "fast-check";
import assert from "node:assert/strict";
import { OciError } from "../../src/oci/errors.ts";
import type { OciErrorCode } from "../../src/oci/errors.ts";

const LOWER = "abcdefghijklmnopqrstuvwxyz";
const UPPER = LOWER.toUpperCase();
const NUMERALS = "0123456789";

export function isLower(char: string): boolean {
  return char.length === 1 && LOWER.includes(char);
}

export function isUpper(char: string): boolean {
  return char.length === 1 && UPPER.includes(char);
}

export function isNumeral(char: string): boolean {
  return char.length === 1 && NUMERALS.includes(char);
}

export function isHex(char: string): boolean {
  return isNumeral(char) || (char.length === 1 && "abcdef".includes(char));
}

/** Whether the text is one or more digits. */
export function isWhole(text: string): boolean {
  return text !== "" && Array.from(text).every(isNumeral);
}

/** Texts over a small alphabet, so that many of them are almost valid. */
export function textOver(alphabet: string, maxLength: number): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...Array.from(alphabet)), maxLength });
}

/** The text, or the text with one character replaced, inserted or removed. */
export function nearly(
  valid: fc.Arbitrary<string>,
  alphabet = 'aZ0:/-._= \n"é',
): fc.Arbitrary<string> {
  return fc
    .tuple(
      valid,
      fc.nat(),
      fc.constantFrom(...Array.from(alphabet)),
      fc.constantFrom("keep", "replace", "insert", "remove"),
    )
    .map(([text, seed, char, change]) => {
      const at = seed % (text.length + 1);
      if (change === "keep") return text;
      if (change === "insert") return text.slice(0, at) + char + text.slice(at);
      return text.slice(0, at) + (change === "replace" ? char : "") + text.slice(at + 1);
    });
}

/** The OciError that `act` throws; fails if `act` returns or the code differs. */
export function errorOf(code: OciErrorCode, act: () => unknown): OciError {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof OciError, String(error));
    assert.equal(error.code, code, error.message);
    return error;
  }
  return assert.fail(`no ${code} was thrown`);
}

/** Whether `act` returns. Fails for any error other than an OciError with this code. */
export function accepts(code: OciErrorCode, act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch (error) {
    assert.ok(error instanceof OciError, String(error));
    assert.equal(error.code, code, error.message);
    return false;
  }
}
