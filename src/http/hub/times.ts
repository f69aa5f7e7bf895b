import * as z from "zod";

/** RFC 3339 in UTC with `Z`: clients reject other offsets. */
export const time = z.iso.datetime();

export const timeOf = (ms: number): string => new Date(ms).toISOString();

export const timeOrNull = (ms: number | null | undefined): string | null =>
  ms === null || ms === undefined ? null : timeOf(ms);
