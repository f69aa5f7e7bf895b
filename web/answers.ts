import { useEffect, useReducer } from "preact/hooks";
import { sessionCall } from "./addresses.ts";

/*
 * The answers of the API, kept by URL. A page shows a kept answer at once and asks again behind it. What is on screen is
 * asked again while the page is visible, so that a push appears by itself.
 */

/** An error answer of the API, or a request that got no answer (`status` 0). */
export interface Failure {
  readonly status: number;
  readonly message: string;
  readonly fields: Readonly<Record<string, readonly string[]>>;
  /** Seconds, from `Retry-After`. */
  readonly retryAfter: number | undefined;
}

export interface Answer<T> {
  readonly data: T | undefined;
  /** The last request failed. `data` is what an earlier one answered. */
  readonly failure: Failure | undefined;
  /** When `data` was received, in ms since the epoch. */
  readonly atMs: number;
}

export type Result<T> =
  | { readonly ok: true; readonly data: T }
  | { readonly ok: false; readonly failure: Failure };

interface Kept {
  answer: Answer<unknown>;
  etag: string | undefined;
  readonly listeners: Set<() => void>;
  running: Promise<void> | undefined;
  /** Listeners that want it asked again while it is on screen. */
  live: number;
}

const kept = new Map<string, Kept>();
const keptAtMost = 200;
const nothing: Answer<never> = { data: undefined, failure: undefined, atMs: 0 };

/** Called when a request needs a sign-in. */
let onSignedOut: () => void = () => undefined;
export const whenSignedOut = (listener: () => void): void => void (onSignedOut = listener);

function keptAt(url: string): Kept {
  const found = kept.get(url);
  if (found !== undefined) return found;
  if (kept.size >= keptAtMost)
    for (const [old, { listeners }] of kept) {
      if (listeners.size > 0) continue;
      kept.delete(old);
      break;
    }
  const listeners = new Set<() => void>();
  const made: Kept = { answer: nothing, etag: undefined, listeners, running: undefined, live: 0 };
  kept.set(url, made);
  return made;
}

/** Takes the answers that came with the HTML. */
export function takeFirstAnswers(): void {
  const text = document.querySelector("#first")?.textContent ?? "{}";
  const first = JSON.parse(text) as Record<
    string,
    { readonly status: number; readonly body: unknown }
  >;
  const atMs = Date.now();
  for (const [url, { status, body }] of Object.entries(first))
    keptAt(url).answer =
      status < 400
        ? { data: body, failure: undefined, atMs }
        : { data: undefined, failure: failureAt(status, body), atMs };
}

function failureAt(status: number, body: unknown, retryAfter: string | null = null): Failure {
  const { message, fields } = (body ?? {}) as Partial<Failure>;
  return {
    status,
    message: message ?? `${status}`,
    fields: fields ?? {},
    retryAfter: retryAfter === null ? undefined : Number(retryAfter),
  };
}

const failureOf = ({ response, body }: { readonly response: Response; readonly body: unknown }) =>
  failureAt(response.status, body, response.headers.get("Retry-After"));

/** A whole answer and its parsed body, or why there is none: the connection can end within the body. */
async function request(
  method: string,
  url: string,
  init: RequestInit,
): Promise<{ readonly response: Response; readonly body: unknown } | Failure> {
  try {
    const response = await fetch(url, { method, credentials: "same-origin", ...init });
    return { response, body: parsed(await response.text()) };
  } catch {
    return { status: 0, message: "", fields: {}, retryAfter: undefined };
  }
}

function parsed(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Asks again for one answer. Requests for the same URL are shared. */
export function ask(url: string): Promise<void> {
  const one = keptAt(url);
  one.running ??= load(url, one).finally(() => (one.running = undefined));
  return one.running;
}

async function load(url: string, one: Kept): Promise<void> {
  const result = await request("GET", url, {
    headers: one.etag === undefined ? {} : { "If-None-Match": one.etag },
    // The browser's own cache would hide the 304.
    cache: "no-store",
  });
  const atMs = Date.now();
  const { data } = one.answer;
  if (!("response" in result)) one.answer = { ...one.answer, failure: result };
  else if (result.response.status === 304) one.answer = { data, failure: undefined, atMs };
  else if (result.response.ok) {
    one.etag = result.response.headers.get("ETag") ?? undefined;
    const same = data !== undefined && JSON.stringify(data) === JSON.stringify(result.body);
    one.answer = { data: same ? data : result.body, failure: undefined, atMs };
  } else {
    const failure = failureOf(result);
    if (failure.status === 401) onSignedOut();
    const isGone = failure.status === 404 || failure.status === 403;
    // Without data there is nothing that a 304 could confirm.
    if (isGone) one.etag = undefined;
    one.answer = { data: isGone ? undefined : data, failure, atMs: one.answer.atMs };
  }
  for (const listener of one.listeners) listener();
}

/**
 * The answer of a GET, and again when it changes. `undefined` as URL asks nothing.
 * @param live asks again every 3 s while the page is visible
 */
export function useAnswer<T>(url: string | undefined, { live = false } = {}): Answer<T> {
  const [, redraw] = useReducer<number, undefined>((turn) => turn + 1, 0);
  useEffect(() => {
    if (url === undefined) return undefined;
    const one = keptAt(url);
    const listener = () => redraw(undefined);
    one.listeners.add(listener);
    if (live) one.live += 1;
    // An answer that came with the HTML, or a moment ago, is not asked for twice.
    if (Date.now() - one.answer.atMs > 2000) void ask(url);
    return () => {
      one.listeners.delete(listener);
      if (live) one.live -= 1;
    };
  }, [url, live]);
  return (url === undefined ? nothing : keptAt(url).answer) as Answer<T>;
}

/** One answer that no component shows, such as a further page of a list. Its failure is the result. */
export async function get<T>(url: string): Promise<Result<T>> {
  return resultOf<T>(await request("GET", url, {}));
}

/**
 * Sends a change; then everything on screen is asked again. A 401 opens the sign-in dialog.
 * @param options.asksAgain false: what is on screen is gone, and the caller goes to another page
 */
export async function send<T = unknown>(
  method: "POST" | "PUT" | "PATCH" | "DELETE",
  url: string,
  body?: unknown,
  { asksAgain = true }: { readonly asksAgain?: boolean } = {},
): Promise<Result<T>> {
  const result = resultOf<T>(
    await request(method, url, {
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body ?? {}),
    }),
  );
  // The caller of a sign-in or sign-out loads the page anew.
  if (url === sessionCall) return result;
  if (!result.ok && result.failure.status === 401) onSignedOut();
  if (result.ok && asksAgain) askVisible();
  return result;
}

function resultOf<T>(result: Awaited<ReturnType<typeof request>>): Result<T> {
  if (!("response" in result)) return { ok: false, failure: result };
  return result.response.ok
    ? { ok: true, data: result.body as T }
    : { ok: false, failure: failureOf(result) };
}

/** Asks again for every answer on screen. */
export function askVisible(): void {
  for (const [url, one] of kept)
    if (one.listeners.size > 0) void ask(url);
    else one.answer = { ...one.answer, atMs: 0 };
}

/** The API calls of what is on screen, for "API" in the footer. */
export const visibleCalls = (): readonly string[] =>
  [...kept.keys()].filter((url) => keptAt(url).listeners.size > 0);

/** Since when requests get no answer; undefined while they do. */
export function offlineSince(): number | undefined {
  const failed = [...kept.values()].filter(
    ({ listeners, answer }) => listeners.size > 0 && answer.failure?.status === 0,
  );
  return failed.length === 0 ? undefined : Math.max(0, ...failed.map(({ answer }) => answer.atMs));
}

const everyMs = 3000;
/** After this time without input the page asks less often. */
const idleAfterMs = 120_000;
const whileIdleMs = 10_000;

/** Asks live answers again while the page is visible. */
export function startLive(onTick: () => void): void {
  let lastInputMs = Date.now();
  let lastAskMs = Date.now();
  for (const type of ["pointerdown", "keydown", "scroll"])
    addEventListener(type, () => (lastInputMs = Date.now()), { passive: true });
  const tick = () => {
    if (document.visibilityState !== "visible") return;
    const nowMs = Date.now();
    const pauseMs = nowMs - lastInputMs > idleAfterMs ? whileIdleMs : everyMs;
    if (nowMs - lastAskMs < pauseMs - 50) return;
    lastAskMs = nowMs;
    for (const [url, one] of kept)
      if (one.live > 0 || (one.listeners.size > 0 && one.answer.failure?.status === 0))
        void ask(url).then(onTick);
  };
  setInterval(tick, everyMs);
  document.addEventListener("visibilitychange", () => {
    lastAskMs = 0;
    tick();
  });
}
