import type { BlobStore } from "../../storage/blob-store.ts";
import type { Authenticator } from "../auth/authenticate.ts";
import type { Bearer } from "../auth/tokens/bearer.ts";
import type { PullCounters } from "../catalog/pull-counters.ts";
import type { CommandMeter } from "../database/contract.ts";
import { DatabaseError } from "../database/errors.ts";
import type { ProcessMetrics } from "../observability/process-metrics.ts";
import type { Tracing } from "../observability/tracing.ts";
import { OciError } from "../oci/errors.ts";

/* The parts of a server with their metrics: each has the interface of the part that it measures. */

/** The methods of a store that read or write, without those that only list. */
const storeOperations = [
  ...(["stat", "open", "signedUrl", "put", "begin", "uploadSize", "append", "takeOver"] as const),
  ...(["openUpload", "commit", "abort", "importBlob", "delete", "probe"] as const),
];

/** What measures the parts of a process. `tracing` is `undefined` without `tracing.endpoint`. */
interface Measuring {
  readonly metrics: ProcessMetrics;
  readonly tracing: Tracing | undefined;
}

export function measuredStore(store: BlobStore, { metrics, tracing }: Measuring): BlobStore {
  const measured: Partial<Record<(typeof storeOperations)[number], unknown>> = {};
  for (const operation of storeOperations) {
    const durations = metrics.histogram("berth_blob_store_operation_duration_seconds", operation);
    const name = "berth_blob_store_operations_total";
    const count = (outcome: string) => metrics.counter(name, operation, outcome);
    const [succeeded, failed] = [count("succeeded"), count("failed")];
    const readsSource = operation === "append" || operation === "importBlob";
    const interrupted = readsSource ? count("interrupted") : failed;
    const untraced = store[operation].bind(store) as (...input: unknown[]) => Promise<unknown>;
    const call =
      tracing === undefined
        ? untraced
        : (...input: unknown[]) => tracing.span(`store ${operation}`, {}, () => untraced(...input));
    measured[operation] = async (...input: unknown[]): Promise<unknown> => {
      const beganAtMs = performance.now();
      try {
        const result = await call(...input);
        succeeded.add();
        return result;
      } catch (error) {
        (isOfSource(error) ? interrupted : failed).add();
        throw error;
      } finally {
        durations.observe(beganAtMs);
      }
    };
  }
  return { ...store, ...(measured as Pick<BlobStore, (typeof storeOperations)[number]>) };
}

/** Whether the source of the bytes failed and not the store: the client has left, or the bytes are rejected. */
const isOfSource = (error: unknown): boolean =>
  error instanceof OciError ||
  (error instanceof Error && "code" in error && sourceCodes.has(String(error.code)));

const sourceCodes = new Set(["ECONNRESET", "ERR_STREAM_PREMATURE_CLOSE", "ABORT_ERR"]);

/** @param system the database in the words of OpenTelemetry */
export function createCommandMeter(
  { metrics, tracing }: Measuring,
  system: "sqlite" | "postgresql",
): CommandMeter {
  const waiting = metrics.gauge("berth_database_writer_queue");
  const durations = metrics.histogram("berth_database_command_duration_seconds");
  const count = (outcome: string) => metrics.counter("berth_database_commands_total", outcome);
  const [succeeded, denied, failed] = [count("succeeded"), count("denied"), count("failed")];
  return async (name, run) => {
    const beganAtMs = performance.now();
    waiting.add();
    try {
      const attributes = { "db.system.name": system, "db.operation.name": name };
      const result = await (tracing?.span(`database ${name}`, attributes, run) ?? run());
      succeeded.add();
      return result;
    } catch (error) {
      // A rejection is a result. Other errors than those of the database say that a permission has ended.
      (error instanceof DatabaseError ? failed : denied).add();
      throw error;
    } finally {
      waiting.add(-1);
      durations.observe(beganAtMs);
    }
  };
}

export function measuredAuthenticator(
  authenticator: Authenticator,
  metrics: ProcessMetrics,
): Authenticator {
  const count = (outcome: string) => metrics.counter("berth_logins_total", outcome);
  const [succeeded, failed] = [count("succeeded"), count("failed")];
  const [limited, unavailable] = [count("limited"), count("unavailable")];
  return {
    async authenticate(credentials, peer) {
      try {
        const principal = await authenticator.authenticate(credentials, peer);
        (principal === undefined ? failed : succeeded).add();
        return principal;
      } catch (error) {
        // An account without a password yet is denied.
        if (!(error instanceof OciError)) unavailable.add();
        else (error.code === "TOOMANYREQUESTS" ? limited : failed).add();
        throw error;
      }
    },
  };
}

export function measuredBearer(bearer: Bearer, metrics: ProcessMetrics): Bearer {
  const issued = metrics.counter("berth_tokens_issued_total");
  return {
    ...bearer,
    async sign(principal, grantedScopes) {
      const token = await bearer.sign(principal, grantedScopes);
      issued.add();
      return token;
    },
  };
}

export function measuredPullCounters(
  pullCounters: PullCounters,
  metrics: ProcessMetrics,
): PullCounters {
  const pulls = metrics.counter("berth_pulls_total");
  const pushes = metrics.counter("berth_pushes_total");
  return {
    record(repository, reference) {
      pulls.add();
      pullCounters.record(repository, reference);
    },
    recordPush(repository, tags) {
      pushes.add();
      pullCounters.recordPush(repository, tags);
    },
  };
}
