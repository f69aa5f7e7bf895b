import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ask, type Answer, type Failure } from "../answers.ts";
import { clock } from "../format.ts";
import { parts } from "../words/frame.ts";

/** Grey lines in the place of the content, only after 200 ms. */
export function Loading({ lines = 5 }: { readonly lines?: number }) {
  const [isShown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), 200);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="bones" aria-busy="true">
      {isShown && Array.from({ length: lines }, (_, line) => <span key={line} />)}
    </div>
  );
}

export const messageOf = ({ status, message }: Failure): string =>
  status === 0 ? parts.noAnswer : message;

/** What went wrong, and a button that asks again. Waits as long as `Retry-After` says. */
export function Failed({
  failure,
  onRetry,
}: {
  readonly failure: Failure;
  readonly onRetry?: (() => void) | undefined;
}) {
  const [left, setLeft] = useState(failure.retryAfter ?? 0);
  useEffect(() => {
    setLeft(failure.retryAfter ?? 0);
    const timer = setInterval(() => setLeft((seconds) => Math.max(0, seconds - 1)), 1000);
    return () => clearInterval(timer);
  }, [failure]);
  return (
    <div class="note bad" role="alert">
      <span>{left > 0 && failure.status === 429 ? parts.waiting(left) : messageOf(failure)}</span>
      {onRetry && (
        <button type="button" class="btn small" disabled={left > 0} onClick={onRetry}>
          {parts.tryAgain}
        </button>
      )}
    </div>
  );
}

/** The script of a part did not load: the server is away, or is another version by now. */
export const ScriptFailed = () => (
  <Failed
    failure={{ status: 503, message: parts.failedToLoad, fields: {}, retryAfter: undefined }}
    onRetry={() => location.reload()}
  />
);

/** Shows the data of an answer, or what is instead of it. Old data stays when a request fails. */
export function Loaded<T>({
  answer,
  url,
  lines,
  children,
}: {
  readonly answer: Answer<T>;
  readonly url: string;
  readonly lines?: number;
  readonly children: (data: T) => ComponentChildren;
}) {
  const { data, failure, atMs } = answer;
  if (data === undefined)
    return failure === undefined ? (
      <Loading {...(lines === undefined ? {} : { lines })} />
    ) : (
      <Failed failure={failure} onRetry={() => void ask(url)} />
    );
  if (failure === undefined) return <>{children(data)}</>;
  return (
    <>
      {failure.status !== 0 && (
        <p class="note warn">
          {messageOf(failure)} <span class="muted">{parts.asOf(clock(atMs))}</span>
        </p>
      )}
      <div class="stale">{children(data)}</div>
    </>
  );
}
