/** Decimal digits that a double always gives back. */
const EXACT_DIGITS = 15;

/** No double needs more to be written down; what is longer only tries the reader's patience. */
const MAX_LENGTH = 64;

/**
 * Whether every reader gets the same number out of this JSON literal: integers within ±(2^53 - 1)
 * (RFC 8259, section 6), and no more digits, nor a larger exponent, than a double can hold.
 */
export function keepsValue(literal: string): boolean {
  if (literal.length > MAX_LENGTH) return false;
  const value = Number(literal);
  const magnitude = Math.abs(value);
  if (magnitude > Number.MAX_SAFE_INTEGER) return false;
  if (literal.length <= EXACT_DIGITS && magnitude > 1e-290) return true;
  const shortest = String(value);
  return literal === shortest || decimalOf(literal) === decimalOf(shortest);
}

/** The digits without leading and trailing zeros, and the power of ten of the last one. The sign is dropped. */
function decimalOf(literal: string): string {
  const [mantissa = "", exponent = "0"] = literal.replace(/^-/, "").split(/e/i);
  const [whole = "", fraction = ""] = mantissa.split(".");
  const digits = (whole + fraction).replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return "0";
  const scale = Number(exponent) - fraction.length + digits.length - significant.length;
  return `${significant}e${scale}`;
}
