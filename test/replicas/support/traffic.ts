import { setTimeout as pause } from "node:timers/promises";
import type { Answer, Message, Wire } from "../../crash/wire.ts";
import { TokenRefused } from "./token-wire.ts";

/** What the clients of a load have seen. */
export interface Traffic {
  /** The time in milliseconds without one successful request, at its longest. */
  longestPauseMs(kind: "pull" | "push"): number;
  /** The number of failed requests that a client repeats, by reason. */
  readonly failures: ReadonlyMap<string, number>;
  /** Answers that no fault excuses. */
  readonly problems: string[];
  /** The number of uploads that began again, because the registry did not know their session or had other bytes of it. */
  lostSessions(): number;
  /** The number of successful requests. */
  readonly counts: Readonly<Record<"pull" | "push", number>>;
}

export interface TrafficRecorder extends Traffic {
  succeeded(kind: "pull" | "push"): void;
  failed(reason: string): void;
  lostSession(): void;
  /** Ends the measurement of pauses. */
  end(): void;
}

export function recordTraffic(): TrafficRecorder {
  const failures = new Map<string, number>();
  const problems: string[] = [];
  const counts = { pull: 0, push: 0 };
  const now = performance.now();
  const last = { pull: now, push: now };
  const longest = { pull: 0, push: 0 };
  let isOver = false;
  let lostSessions = 0;
  const observe = (kind: "pull" | "push"): void => {
    if (!isOver) longest[kind] = Math.max(longest[kind], performance.now() - last[kind]);
  };
  return {
    ...{ failures, problems, counts },
    lostSessions: () => lostSessions,
    lostSession: () => void (lostSessions += 1),
    longestPauseMs(kind) {
      observe(kind);
      return longest[kind];
    },
    succeeded(kind) {
      observe(kind);
      last[kind] = performance.now();
      counts[kind] += 1;
    },
    end() {
      observe("pull");
      observe("push");
      isOver = true;
    },
    failed: (reason) => void failures.set(reason, (failures.get(reason) ?? 0) + 1),
  };
}

/** The load is stopped, so that a request that fails is not repeated. */
export class LoadStopped extends Error {}

/** A client that repeats what fails, as container engines and their users do. */
export interface PatientClient {
  /**
   * Sends a request until its status is one of `wanted`. A lost connection, a lost answer, 429 and 502 to 504 are
   * repeated. `undefined`: the status is one of `others`.
   */
  send(
    kind: "pull" | "push",
    wanted: readonly number[],
    request: readonly [method: string, target: string, message?: Message],
    others?: readonly number[],
  ): Promise<Answer | undefined>;
}

const repeatable = [429, 502, 503, 504];

export function createPatientClient({
  wire,
  traffic,
  isStopped,
  repeatMs = 150,
}: {
  readonly wire: Wire;
  readonly traffic: TrafficRecorder;
  readonly isStopped: () => boolean;
  readonly repeatMs?: number;
}): PatientClient {
  return {
    async send(kind, wanted, [method, target, message], others = []) {
      for (;;) {
        const outcome = await sendOnce(wire, [method, target, message]);
        if (typeof outcome !== "string") {
          const { status } = outcome;
          if (wanted.includes(status)) {
            traffic.succeeded(kind);
            return outcome;
          }
          const what = `${method} ${shapeOf(target)}: ${status}`;
          if (others.includes(status)) return undefined;
          if (repeatable.includes(status)) checkRetryAfter(outcome, what, traffic);
          else traffic.problems.push(`${what} ${target} ${String(outcome.body).slice(0, 300)}`);
          traffic.failed(what);
        } else traffic.failed(outcome);
        if (isStopped()) throw new LoadStopped();
        await pause(repeatMs);
      }
    },
  };
}

/** Resolves with the answer, or with the reason why there is none. */
async function sendOnce(
  wire: Wire,
  [method, target, message]: readonly [string, string, Message | undefined],
): Promise<Answer | string> {
  try {
    return await wire.send(method, target, message);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error instanceof TokenRefused && repeatable.includes(error.status))
      return `GET /token: ${error.status}`;
    if (error.name === "ServerGone") return "connection lost";
    if (error.name === "Silence") return "no answer";
    throw error;
  }
}

/** Berth's own 503 says when to try again. Those of a balancer have no OCI error. */
function checkRetryAfter(answer: Answer, what: string, { problems }: TrafficRecorder): void {
  const isBerths = String(answer.body).includes('"errors"');
  if (answer.status === 503 && isBerths && answer.headers["retry-after"] === undefined)
    problems.push(`${what} without Retry-After`);
}

const shapeOf = (target: string): string =>
  target
    .replace(/^https?:\/\/[^/]+/, "")
    .replace(/^\/v2\/.+\/(blobs\/uploads|blobs|manifests)\/.*/, "…/$1");
