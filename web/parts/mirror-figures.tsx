import type { MirrorItemAnswer } from "../../src/api/mirrors.ts";
import { clock, date, exactTime, size } from "../format.ts";
import { mirrors as words } from "../words/mirrors.ts";
import { Meter } from "./charts.tsx";

const dayMs = 86_400_000;

/** A time of this day, or the date. */
const Moment = ({ time }: { readonly time: string }) => (
  <time dateTime={time} title={exactTime(time)}>
    {Math.abs(Date.now() - Date.parse(time)) < dayMs ? clock(Date.parse(time)) : date(time)}
  </time>
);

/** How the upstream answers. */
export function Health({ mirror }: { readonly mirror: MirrorItemAnswer }) {
  const { state, until, since } = mirror.health;
  const kind = { ok: "good", limited: "warn", failing: "bad" }[state];
  return (
    <span class={`chip ${kind}`}>
      {words.states[state]}
      {until !== null && (
        <>
          {" "}
          {words.until} <Moment time={until} />
        </>
      )}
      {since !== null && (
        <>
          {" "}
          {words.since} <Moment time={since} />
        </>
      )}
    </span>
  );
}

/** Hits, bytes saved and the cache, for administrators. */
export function Figures({ mirror }: { readonly mirror: MirrorItemAnswer }) {
  const { numbers } = mirror;
  if (numbers === null) return null;
  return (
    <dl class="facts">
      <dt>{words.hits}</dt>
      <dd class="num">{words.rate(numbers.hits, numbers.misses)}</dd>
      <dt>{words.saved}</dt>
      <dd class="num">{size(numbers.bytes_saved)}</dd>
      <dt>{words.cache}</dt>
      <dd class="num">
        {words.ofLimit(numbers.bytes, numbers.cache_size)}
        {numbers.cache_size !== null && (
          <Meter
            value={numbers.bytes}
            limit={numbers.cache_size}
            label={words.ofLimit(numbers.bytes, numbers.cache_size)}
          />
        )}
      </dd>
      {numbers.upstream_limit !== null && (
        <>
          <dt>429</dt>
          <dd class="num">
            {words.remaining(numbers.upstream_limit.remaining, numbers.upstream_limit.requests)}
          </dd>
        </>
      )}
    </dl>
  );
}
