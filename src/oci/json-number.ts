/** Decimal digits that a double always preserves. */
const EXACT_DIGITS = 15;

/** No double needs a longer literal; the limit bounds the work for longer ones. */
const MAX_LENGTH = 64;

/**
 * Whether each JSON parser reads the same number from this literal: integers within ±(2^53 - 1)
 * (RFC 8259, section 6), and no more digits and no larger exponent than a double can represent.
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

/** The digits without leading and trailing zeros, and the power of ten of the last digit. Without the sign. */
function decimalOf(literal: string): string {
  const [mantissa = "", exponent = "0"] = literal.replace(/^-/, "").split(/e/i);
  const [whole = "", fraction = ""] = mantissa.split(".");
  const digits = (whole + fraction).replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return "0";
  const scale = Number(exponent) - fraction.length + digits.length - significant.length;
  return `${significant}e${scale}`;
}
