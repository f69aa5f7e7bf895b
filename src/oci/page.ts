import { OciError } from "./errors.ts";

/**
 * Parses the `n` parameter of a list (distribution-spec, "Listing Tags"): undefined if absent or empty; 0 is a
 * valid size; a larger value than `max` gives `max`. Throws PAGINATION_NUMBER_INVALID for anything but digits.
 */
export function parsePageSize(text: string | undefined, max: number): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (!/^[0-9]+$/.test(text)) {
    throw new OciError("PAGINATION_NUMBER_INVALID", "n must be a whole number, 0 or more", {
      detail: { n: text.slice(0, 64) },
    });
  }
  return Math.min(Number(text), max);
}

/** One page of a list. */
export interface Listing<T> {
  /** Number of items on all pages. */
  readonly count: number;
  readonly items: readonly T[];
}

/** A page that a client requests by number. */
export interface NumberedPage {
  /** The first page is 1. */
  readonly page: number;
  /** Items on a page. */
  readonly size: number;
}

export const windowOf = ({ page, size }: NumberedPage) => ({
  limit: size,
  offset: (page - 1) * size,
});
