import { setTimeout as sleep } from "node:timers/promises";
import type { CommandInput, Commands } from "../../../src/database/commands.ts";
import type { Database } from "../../../src/database/contract.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import type { RepositoryName } from "../../../src/oci/name.ts";
import { admin, blob, digest, manifest, named, reference, times } from "../contract/support.ts";

/** What a trial works on. Its names are its own, since all trials use one database. */
export interface Trial {
  readonly database: Database;
  readonly commands: Commands;
  /** The namespace of this trial; also a prefix for other names. */
  readonly name: string;
  /** A time of this trial, in milliseconds: later than that of the trial before. */
  readonly nowMs: number;
  readonly repository: (name: string) => RepositoryName;
  readonly digest: (text: string) => Digest;
  /** The times of what the collector finds at once; it does not find the rest of a trial. */
  readonly due: { readonly dueAtMs: number; readonly leasedUntilMs: number };
  /** The input of `storeBlob`. The digest follows from the text; `more` has the rest. */
  readonly blob: (
    text: string,
    repository: string,
    more?: Partial<CommandInput<"storeBlob">>,
  ) => CommandInput<"storeBlob">;
  /** The input of `putManifest` of an image with these layers. */
  readonly image: (
    text: string,
    repository: string,
    more: {
      readonly layers?: readonly string[];
      readonly tags?: readonly string[];
      readonly dueAtMs?: number;
    },
  ) => CommandInput<"putManifest">;
  /** Rows of a query of the test. */
  readonly rows: <Row>(text: string) => Promise<readonly Row[]>;
}

/** Two commands that run at the same moment, and what must be true whichever is first. */
export interface Race {
  readonly name: string;
  /** Makes the rows, and returns the two commands and the check. */
  prepare(trial: Trial): Promise<{
    readonly first: () => Promise<unknown>;
    readonly second: () => Promise<unknown>;
    /** What is wrong afterwards; `undefined`: nothing. */
    readonly check: (results: readonly [unknown, unknown]) => Promise<string | undefined>;
  }>;
}

export interface OpenedForRaces {
  readonly database: Database;
  readonly rows: <Row>(text: string) => Promise<readonly Row[]>;
  /** How many deadlocks the database has found. */
  readonly deadlocks: () => Promise<number>;
  readonly close: () => Promise<void>;
}

let trials = 0;
/** Milliseconds: no collector of a later trial finds the candidate. */
const later = 1e12;

function trialOn({ database, rows }: OpenedForRaces): Trial {
  trials += 1;
  const name = `race${trials}`;
  const nowMs = trials * 1_000_000;
  const inTrial = { ...times, nowMs, dueAtMs: nowMs + later, leasedUntilMs: nowMs };
  const textOf = (text: string): string => `${text} ${name}`;
  const repository = (text: string): RepositoryName => named(`${name}/${text}`);
  return {
    ...{ database, rows, name, nowMs, repository },
    due: { dueAtMs: nowMs, leasedUntilMs: nowMs },
    commands: database.commands,
    digest: (text) => digest(textOf(text)),
    blob: (text, inRepository, more = {}) => ({
      ...blob(textOf(text), repository(inRepository)),
      ...inTrial,
      ...{ actor: admin, sizeBytes: 60, storageKey: `${inRepository}: ${textOf(text)}`, ...more },
    }),
    image: (text, inRepository, { layers = [], tags = [], dueAtMs = inTrial.dueAtMs }) => ({
      ...manifest(
        textOf(text),
        layers.map((layer, position) => reference(position, "layer", textOf(layer))),
        { repository: repository(inRepository), tags },
      ),
      ...{ ...inTrial, dueAtMs },
    }),
  };
}

/** Milliseconds between the starts of the two commands: from 6 before to 6 after. */
const delays = [0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6];

export interface RaceResult {
  readonly wrong: readonly string[];
  readonly errors: readonly unknown[];
}

/** Runs a race several times. */
export async function runRace(
  race: Race,
  opened: OpenedForRaces,
  count: number,
): Promise<RaceResult> {
  const wrong: string[] = [];
  const errors: unknown[] = [];
  for (let i = 0; i < count; i += 1) {
    const { first, second, check } = await race.prepare(trialOn(opened));
    const delayMs = delays[i % delays.length] ?? 0;
    const [one, two] = await Promise.allSettled([
      sleep(Math.max(0, -delayMs)).then(first),
      sleep(Math.max(0, delayMs)).then(second),
    ]);
    if (one.status === "rejected") errors.push(one.reason);
    if (two.status === "rejected") errors.push(two.reason);
    if (one.status === "rejected" || two.status === "rejected") continue;
    const found = await check([one.value, two.value]);
    if (found !== undefined) wrong.push(found);
  }
  return { wrong, errors };
}
