import { OciError } from "./errors.ts";

/** First and last byte, both included, as in `Range: bytes=first-last`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** The ranges that a `Range` header requests: the full representation, one, several, or no satisfiable range. */
export type RangeRequest =
  | { readonly kind: "full" }
  | ({ readonly kind: "single" } & ByteRange)
  | { readonly kind: "multi"; readonly ranges: readonly ByteRange[] }
  | { readonly kind: "unsatisfiable" };

const FULL: RangeRequest = { kind: "full" };
const MAX_RANGES = 100;
const RANGE_SPEC = /^([0-9]*)-([0-9]*)$/;
const CHUNK = /^(?:([0-9]+)-([0-9]+)|bytes ([0-9]+)-([0-9]+)(?:\/(\*|[0-9]+))?)$/i;

/**
 * Parses a `Range` header for a size in bytes (RFC 9110, section 14.2). Other units, invalid syntax, more than 100
 * ranges and overlapping ranges give the full representation. A range that ends before it starts is unsatisfiable, not
 * ignored, because the OCI conformance suite requires that. Ranges that start after the end are dropped; ranges that
 * end after it are cut.
 */
export function parseRange(header: string | undefined, sizeBytes: number): RangeRequest {
  const list = header === undefined ? undefined : /^bytes=(.*)$/i.exec(header.trim())?.[1];
  if (list === undefined) return FULL;
  const specs = list.split(",").map((spec) => spec.trim());
  if (specs.length > MAX_RANGES) return FULL;

  const asked = specs.filter((spec) => spec !== "").map((spec) => readSpec(spec, sizeBytes));
  if (asked.length === 0 || asked.includes("ignored")) return FULL;
  const ranges = asked.filter((range) => typeof range === "object");
  const [first] = ranges;
  if (first === undefined) return { kind: "unsatisfiable" };
  if (ranges.length === 1) return { kind: "single", ...first };
  return overlap(ranges) ? FULL : { kind: "multi", ranges };
}

/**
 * Parses the `Content-Range` of an upload chunk: `0-99`, and for compatibility `bytes 0-99`, `bytes 0-99/*`
 * and `bytes 0-99/100`; undefined if the header is absent. Throws RANGE_INVALID (416) if it is malformed,
 * if it ends before it starts, or if the total is not larger than the last byte.
 */
export function parseChunkRange(header: string | undefined): ByteRange | undefined {
  if (header === undefined) return undefined;
  const match = CHUNK.exec(header.trim());
  const start = Number(match?.[1] ?? match?.[3] ?? Number.NaN);
  const end = Number(match?.[2] ?? match?.[4] ?? Number.NaN);
  const total = match?.[5] === undefined || match[5] === "*" ? Infinity : Number(match[5]);
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || end < start || total <= end) {
    throw new OciError("RANGE_INVALID", "Content-Range must be of the form start-end", {
      detail: { contentRange: header.slice(0, 64) },
    });
  }
  return { start, end };
}

function readSpec(spec: string, sizeBytes: number): ByteRange | "ignored" | "unsatisfiable" {
  const [, first = "", last = ""] = RANGE_SPEC.exec(spec) ?? [];
  if (first === "" && last === "") return "ignored";
  if (first === "") {
    const length = Number(last);
    if (length === 0) return "unsatisfiable";
    // RFC 9110, section 14.1.2 calls this satisfiable, but no Content-Range can express zero bytes.
    if (sizeBytes === 0) return "ignored";
    return { start: Math.max(0, sizeBytes - length), end: sizeBytes - 1 };
  }
  const start = Number(first);
  const end = last === "" ? Infinity : Number(last);
  if (start >= sizeBytes || end < start) return "unsatisfiable";
  return { start, end: Math.min(end, sizeBytes - 1) };
}

function overlap(ranges: readonly ByteRange[]): boolean {
  const ascending = ranges.toSorted((a, b) => a.start - b.start);
  return ascending.some((range, i) => {
    const next = ascending[i + 1];
    return next !== undefined && next.start <= range.end;
  });
}
