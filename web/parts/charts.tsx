import { date } from "../format.ts";
import { pull } from "../words/pull.ts";

/**
 * Pulls per day as a line.
 * @param marked the days with a vertical line
 */
export function PullsChart({
  days,
  marked = [],
}: {
  readonly days: readonly { readonly day: string; readonly pulls: number }[];
  readonly marked?: readonly string[];
}) {
  const all = days.reduce((sum, { pulls }) => sum + pulls, 0);
  const most = Math.max(1, ...days.map(({ pulls }) => pulls));
  const step = 300 / Math.max(1, days.length - 1);
  const points = days.map(
    ({ pulls }, day) => `${(day * step).toFixed(1)} ${(49 - (44 * pulls) / most).toFixed(1)}`,
  );
  const line = `M${points.join("L")}`;
  const [first, last] = [days[0]?.day ?? "", days.at(-1)?.day ?? ""];
  return (
    <>
      <svg
        class="spark"
        viewBox="0 0 300 52"
        preserveAspectRatio="none"
        role="img"
        aria-label={pull.chartLabel(date(first), date(last), all)}
      >
        <path class="area" d={`${line}L300 52L0 52Z`} />
        <g class="releases">
          {days.map(
            ({ day }, at) =>
              marked.includes(day) && (
                <line key={day} x1={at * step} x2={at * step} y1="0" y2="52" />
              ),
          )}
        </g>
        <path class="line" d={line} />
      </svg>
      <div class="axis num" aria-hidden="true">
        <span>{date(first)}</span>
        <span>{date(last)}</span>
      </div>
    </>
  );
}

/** Two amounts of one whole. */
export function SizeBar({
  shared,
  unique,
  label,
}: {
  readonly shared: number;
  readonly unique: number;
  readonly label: string;
}) {
  const all = Math.max(1, shared + unique);
  const width = (300 * shared) / all;
  return (
    <svg
      class="size-bar"
      viewBox="0 0 300 12"
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <rect class="c-shared" width={Math.max(0, width - 1)} height="12" />
      <rect class="c-own" x={width + 1} width={Math.max(0, 299 - width)} height="12" />
    </svg>
  );
}

export type LayerKind = "base" | "shared" | "own";

/** Square of a colour and a pattern, in a key or beside a layer. */
export const Swatch = ({ kind }: { readonly kind: LayerKind }) => (
  <svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">
    <rect class={`c-${kind}`} width="10" height="10" />
  </svg>
);

/** The layers of an image, each as long as it is large; told apart by pattern as well as by colour. */
export function LayerBar({
  layers,
  label,
}: {
  readonly layers: readonly { readonly size: number; readonly kind: LayerKind }[];
  readonly label: string;
}) {
  const all = Math.max(
    1,
    layers.reduce((sum, { size }) => sum + size, 0),
  );
  const gap = layers.length > 60 ? 0 : 4;
  const total = 1000 - gap * (layers.length - 1);
  let left = 0;
  return (
    <svg
      class="layer-bar"
      viewBox="0 0 1000 48"
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <defs>
        <pattern id="lines" width="16" height="48" patternUnits="userSpaceOnUse">
          <path class="hatch-line" d="M8 0V48" />
        </pattern>
        <pattern id="hatch" width="16" height="48" patternUnits="userSpaceOnUse">
          <path class="hatch-line" d="M0 48L14 0" />
        </pattern>
      </defs>
      {layers.map(({ size, kind }, index) => {
        const x = left;
        const width = Math.max(2, (total * size) / all);
        left += width + gap;
        const shape = { x, width, height: 48, rx: Math.min(5, width / 2) };
        return (
          <g key={index}>
            <rect class={`c-${kind}`} {...shape} />
            {kind !== "own" && (
              <rect fill={kind === "base" ? "url(#lines)" : "url(#hatch)"} {...shape} />
            )}
          </g>
        );
      })}
    </svg>
  );
}

/** A part of a limit. */
export function Meter({
  value,
  limit,
  label,
}: {
  readonly value: number;
  readonly limit: number;
  readonly label: string;
}) {
  const part = limit === 0 ? 1 : Math.min(1, value / limit);
  return (
    <svg class="meter" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect class="track" width="100" height="4" />
      <rect class={part > 0.9 ? "over" : "value"} width={100 * part} height="4" />
    </svg>
  );
}
