import { configListAtMost } from "../api/limits.ts";
import { isJsonObject } from "../oci/json.ts";

/** The fields of an image config that decide how the image runs (image-spec config.md). */
export interface ImageConfig {
  readonly createdAtMs: number | undefined;
  readonly entrypoint: readonly string[] | undefined;
  readonly cmd: readonly string[] | undefined;
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly user: string;
  readonly workingDir: string;
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
  readonly stopSignal: string | undefined;
  readonly healthcheck: Healthcheck | undefined;
  /** False: a list had more than {@link configListAtMost} entries. */
  readonly isComplete: boolean;
}

interface Healthcheck {
  readonly test: readonly string[];
  readonly intervalSeconds: number | undefined;
  readonly timeoutSeconds: number | undefined;
  readonly startPeriodSeconds: number | undefined;
  readonly retries: number | undefined;
}

/**
 * Reads an image config, which any client may have pushed. A field of another type than the specification's counts as
 * missing, and so does such an entry of a list.
 */
export function readImageConfig(document: Readonly<Record<string, unknown>>): ImageConfig {
  const config = objectOf(document["config"]);
  let isComplete = true;
  const first = <T>(all: readonly T[]): readonly T[] => {
    if (all.length > configListAtMost) isComplete = false;
    return all.slice(0, configListAtMost);
  };
  const texts = (value: unknown): readonly string[] | undefined =>
    Array.isArray(value) ? first(value.filter(isText)) : undefined;
  const keys = (value: unknown): readonly string[] => first(Object.keys(objectOf(value)));
  const labels = first(Object.entries(objectOf(config["Labels"])).filter(isLabel));
  const check = config["Healthcheck"];
  return {
    createdAtMs: timeIn(document["created"]),
    entrypoint: texts(config["Entrypoint"]),
    cmd: texts(config["Cmd"]),
    env: texts(config["Env"]) ?? [],
    labels: Object.fromEntries(labels),
    user: textIn(config["User"]) ?? "",
    workingDir: textIn(config["WorkingDir"]) ?? "",
    ports: keys(config["ExposedPorts"]),
    volumes: keys(config["Volumes"]),
    stopSignal: textIn(config["StopSignal"]),
    healthcheck: isJsonObject(check)
      ? {
          test: texts(check["Test"]) ?? [],
          intervalSeconds: secondsIn(check["Interval"]),
          timeoutSeconds: secondsIn(check["Timeout"]),
          startPeriodSeconds: secondsIn(check["StartPeriod"]),
          retries: Number.isSafeInteger(check["Retries"]) ? Number(check["Retries"]) : undefined,
        }
      : undefined,
    isComplete,
  };
}

/** A time of a config in milliseconds; `undefined` unless it is a time that RFC 3339 can write. */
export function timeIn(value: unknown): number | undefined {
  if (typeof value !== "string" || value.length > 64) return undefined;
  const ms = Date.parse(value);
  const year = new Date(ms).getUTCFullYear();
  return year >= 0 && year <= 9999 ? ms : undefined;
}

const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  isJsonObject(value) ? value : {};
const isText = (value: unknown): value is string => typeof value === "string";
const textIn = (value: unknown): string | undefined => (isText(value) ? value : undefined);
const isLabel = (entry: [string, unknown]): entry is [string, string] => isText(entry[1]);

/** Durations of a config are in nanoseconds. */
const secondsIn = (value: unknown): number | undefined =>
  typeof value === "number" ? value / 1e9 : undefined;
