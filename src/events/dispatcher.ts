import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../database/contract.ts";
import type { AttemptOutcome } from "../database/events/delivery-states.ts";
import type { DueDelivery } from "../database/events/deliveries.ts";
import type { Receiver } from "../database/events/webhook-secrets.ts";
import type { Attempt, Sender } from "./sender.ts";
import { Turns } from "./turns.ts";

const secondMs = 1_000;
const dayMs = 86_400_000;
/** Due deliveries are looked for this often. */
const lookEveryMs = secondMs;
/** Deliveries of one webhook that are read at once; those of one subject are sent one after another. */
const readAtOnce = 200;
/** Deliveries of one webhook that are sent at the same time. */
const sentAtOnce = 8;

const firstWaitMs = 10 * secondMs;
const longestWaitMs = 6 * 3_600_000;
/** A delivery that fails for this time is dead. */
const triedForMs = 3 * dayMs;

const pruneEveryMs = 3_600_000;
const prunedAtOnce = 500;
/** How long the log of a webhook has a delivery. */
export const keptMs = { delivered: 7 * dayMs, dead: 30 * dayMs } as const;

export interface DispatcherParts {
  readonly database: Pick<
    Database,
    "webhookSecrets" | "webhookDeliveries" | "commands" | "unflushedCommands"
  >;
  /** Called for the first delivery. */
  readonly openSender: () => Promise<Sender>;
  readonly clock: () => number;
  /** A number from 0 to 1. */
  readonly random: () => number;
  readonly log: {
    warn(facts: object, message: string): void;
    info(facts: object, message: string): void;
  };
  readonly report: (error: unknown) => void;
}

/**
 * Sends the deliveries that are due. One process of a database does it; if two do it for a moment, receivers get some
 * deliveries twice. A delivery is recorded after its answer, so a process that dies sends it again.
 */
export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #ending = new AbortController();
  /** The receivers that did not answer. */
  readonly #unreachable = new Set<string>();
  readonly #turns = new Turns(() => performance.now());
  #sender: Promise<Sender> | undefined;
  #running: Promise<void> | undefined;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  start(): this {
    this.#running = this.#run();
    return this;
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#running;
    await this.#turns.end();
    await (await this.#sender)?.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    const { report } = this.#parts;
    let prunedAtMs = -Infinity;
    while (!signal.aborted) {
      try {
        await this.#startDue();
        if (performance.now() - prunedAtMs > pruneEveryMs) {
          prunedAtMs = performance.now();
          await this.prune();
        }
      } catch (error) {
        report(error);
      }
      await pause(lookEveryMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async #startDue(): Promise<void> {
    const { database, clock, report } = this.#parts;
    const due = await database.webhookDeliveries.webhooksDue(clock());
    this.#turns.begin(due, (id) => this.#sendAll(id).catch(report));
  }

  /** Sends what is due now, of all webhooks; for tests with a clock of their own. */
  async sendDue(): Promise<void> {
    await this.#startDue();
    await this.#turns.end();
  }

  async #sendAll(webhookId: string): Promise<void> {
    const { database, clock } = this.#parts;
    for (;;) {
      const receiver = await database.webhookSecrets.receiver(webhookId);
      // Switched off: its deliveries wait.
      if (receiver === undefined) return;
      const due = await database.webhookDeliveries.due(webhookId, clock(), readAtOnce);
      if (due.length === 0 || this.#ending.signal.aborted) return;
      const isAnswering = await this.#sendSlice(receiver, due);
      if (!isAnswering || this.#turns.isOver(webhookId)) return;
    }
  }

  /** Sends deliveries, those of one subject in order. False: the receiver did not answer. */
  async #sendSlice(receiver: Receiver, due: readonly DueDelivery[]): Promise<boolean> {
    const lines = bySubject(due);
    const slice = { isAnswering: true };
    const sendLines = async (): Promise<void> => {
      for (let line = lines.shift(); line !== undefined; line = lines.shift())
        for (const delivery of line) {
          if (!slice.isAnswering || this.#turns.isOver(receiver.id)) return;
          if (this.#ending.signal.aborted) return;
          // The later ones of its subject wait behind it.
          if (!(await this.#sendOne(receiver, delivery, slice))) break;
        }
    };
    await Promise.all(Array.from({ length: sentAtOnce }, sendLines));
    return slice.isAnswering;
  }

  /** False: it was not delivered. */
  async #sendOne(
    receiver: Receiver,
    delivery: DueDelivery,
    slice: { isAnswering: boolean },
  ): Promise<boolean> {
    const { database, clock, log } = this.#parts;
    this.#sender ??= this.#parts.openSender();
    const sender = await this.#sender;
    const { id, subject } = delivery;
    const beganAtMs = performance.now();
    const attempt = await sender.send(receiver, delivery.event, id);
    const durationMs = Math.round(performance.now() - beganAtMs);
    this.#turns.answered(receiver.id, durationMs);
    const nowMs = clock();
    const wasUnreachable = this.#unreachable.has(receiver.id);
    const isBack = wasUnreachable && !attempt.isUnreachable;
    if (isBack) this.#unreachable.delete(receiver.id);
    if (attempt.isUnreachable && !wasUnreachable) {
      this.#unreachable.add(receiver.id);
      log.warn(
        { webhook: receiver.id, reason: attempt.answer },
        "the receiver of a webhook does not answer",
      );
    }
    if (isBack) log.info({ webhook: receiver.id }, "the receiver of a webhook answers again");
    // The first one that finds it postpones all others: two commands would wait for each other's rows.
    const postpones = attempt.isUnreachable ? (slice.isAnswering ? "all" : "nothing") : "subject";
    if (attempt.isUnreachable) slice.isAnswering = false;
    const outcome = this.#outcomeOf(delivery, attempt, postpones, nowMs);
    const { status, answer } = attempt;
    const recorded = { id, webhookId: receiver.id, subject, outcome, isBack, nowMs };
    // A power failure that undoes it sends the delivery again.
    await database.unflushedCommands.recordAttempt({ ...recorded, status, answer, durationMs });
    return attempt.isDelivered;
  }

  #outcomeOf(
    { attempts, triedSinceMs }: DueDelivery,
    { isDelivered, isUnreachable }: Attempt,
    postpones: "all" | "subject" | "nothing",
    nowMs: number,
  ): AttemptOutcome {
    if (isDelivered) return { kind: "delivered" };
    if (nowMs - (triedSinceMs ?? nowMs) >= triedForMs) return { kind: "dead" };
    const waitMs = waitAfter(attempts + 1, this.#parts.random());
    return { kind: "failed", nextAtMs: nowMs + waitMs, isUnreachable, postpones };
  }

  /** Deletes what the log of a webhook does not show any more. */
  async prune(): Promise<void> {
    const { database, clock } = this.#parts;
    for (let deleted = prunedAtOnce; deleted === prunedAtOnce && !this.#ending.signal.aborted;) {
      const nowMs = clock();
      deleted = await database.commands.pruneDeliveries({
        deliveredBeforeMs: nowMs - keptMs.delivered,
        deadBeforeMs: nowMs - keptMs.dead,
        limit: prunedAtOnce,
      });
    }
  }
}

function bySubject(due: readonly DueDelivery[]): (readonly DueDelivery[])[] {
  const lines = new Map<string, DueDelivery[]>();
  for (const delivery of due) {
    const line = lines.get(delivery.subject);
    if (line === undefined) lines.set(delivery.subject, [delivery]);
    else line.push(delivery);
  }
  return [...lines.values()];
}

/** The milliseconds until the next attempt: 10 s, doubled after each failure, up to 6 h, 20 % more or less. */
export const waitAfter = (failures: number, random: number): number =>
  Math.round(Math.min(longestWaitMs, firstWaitMs * 2 ** (failures - 1)) * (0.8 + 0.4 * random));
