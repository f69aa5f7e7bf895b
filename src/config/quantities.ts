/*
 * Durations are written `500ms`, `30s`, `5m`, `24h`, `7d`; sizes `4096`, `64MiB`, `50GB`. Inside the program durations are
 * milliseconds and sizes are bytes, both whole numbers.
 */

const milliseconds = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
const bytes = {
  TiB: 2 ** 40,
  TB: 1e12,
  GiB: 2 ** 30,
  GB: 1e9,
  MiB: 2 ** 20,
  MB: 1e6,
  KiB: 2 ** 10,
  KB: 1e3,
  B: 1,
};

/** Milliseconds; `undefined` if the value is not a number with a unit (ms, s, m, h, d). `0` needs no unit. */
export function parseDuration(raw: unknown): number | undefined {
  if (raw === 0) return 0;
  return typeof raw === "string" ? parseQuantity(raw, milliseconds, ["0"]) : undefined;
}

/** `90000` → `90s`, `604800000` → `7d`: the shortest text for exactly this number of milliseconds. */
export function formatDuration(durationMs: number): string {
  if (durationMs === 0) return "0s";
  return shortest(durationMs, milliseconds);
}

/** Bytes; `undefined` if the value is neither a whole number of bytes nor a number with a unit (KiB, KB, … TiB, TB). */
export function parseSize(raw: unknown): number | undefined {
  if (typeof raw === "number") return Number.isSafeInteger(raw) && raw >= 0 ? raw : undefined;
  if (typeof raw !== "string") return undefined;
  return /^\d+$/.test(raw.trim()) ? safe(Number(raw)) : parseQuantity(raw, bytes, []);
}

/** `67108864` → `64MiB`, `50000000000` → `50GB`: the shortest text for exactly this number of bytes. */
export function formatSize(sizeBytes: number): string {
  return sizeBytes === 0 ? "0" : shortest(sizeBytes, bytes);
}

function parseQuantity(
  raw: string,
  units: Record<string, number>,
  bare: string[],
): number | undefined {
  const text = raw.trim();
  if (bare.includes(text)) return Number(text);
  const parts = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(text);
  const factor = Object.entries(units).find(
    ([unit]) => unit.toLowerCase() === parts?.[2]?.toLowerCase(),
  )?.[1];
  return factor === undefined ? undefined : safe(Math.round(Number(parts?.[1]) * factor));
}

function safe(quantity: number): number | undefined {
  return Number.isSafeInteger(quantity) ? quantity : undefined;
}

/** The shortest exact text of the quantity; units are tried in their order. */
function shortest(quantity: number, units: Record<string, number>): string {
  const exact = Object.entries(units).filter(([, factor]) => quantity % factor === 0);
  const texts = exact.map(([unit, factor]) => `${quantity / factor}${unit}`);
  return texts.reduce((best, text) => (text.length < best.length ? text : best));
}
