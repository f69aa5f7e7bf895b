import { InvalidArgumentError } from "commander";
import { parseDuration } from "../../config/units.ts";

/** Parses `90d` (from now) or a date. Returns milliseconds since the epoch. */
export function parseFuture(text: string): number {
  return parseDate(text, 1);
}

/** Parses `7d` (before now) or a date. Returns milliseconds since the epoch. */
export function parsePast(text: string): number {
  return parseDate(text, -1);
}

function parseDate(text: string, direction: 1 | -1): number {
  const duration = parseDuration(text);
  const point =
    duration !== undefined
      ? Date.now() + direction * duration
      : /^\d{4}-\d\d-\d\d/.test(text)
        ? Date.parse(text)
        : Number.NaN;
  if (Number.isNaN(point))
    throw new InvalidArgumentError("Allowed: 30s, 5m, 24h, 7d, or a date such as 2027-01-31.");
  return point;
}
