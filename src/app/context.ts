import { randomUUID } from "node:crypto";
import { createFreeSpace } from "../../storage/filesystem/free-space.ts";
import { createClosing } from "../concurrency/closing.ts";
import { once } from "../concurrency/single-flight.ts";
import { packageVersion } from "../config/package-version.ts";
import type { Config } from "../config/schema.ts";
import { systemActor } from "../database/permissions/authority.ts";
import type { PushRules } from "../database/registry/repository-creation.ts";
import type { Writer } from "../database/contract.ts";
import { joinMirrors } from "../mirror/live-mirrors.ts";
import type { MirrorSettings } from "../mirror/settings.ts";
import { createLogger, type Logger } from "../observability/logger.ts";
import { ProcessMetrics } from "../observability/process-metrics.ts";
import type { Clock, LeaseTimes } from "../registry/leases.ts";
import { createQuotas } from "../registry/quotas.ts";
import { createRegistry } from "../registry/registry.ts";
import { DatabaseClock } from "../coordination/database-clock.ts";
import { denyChangesToMirrored } from "../registry/repositories.ts";
import { createUploadLocks, type UploadLocks } from "../registry/uploads/locks.ts";
import type { AppProcess } from "./app-process.ts";
import { openDatabase, openKeyStore } from "./database.ts";
import { hasDataFolder, openStore } from "./data-folder.ts";
import { createCommandMeter, measuredStore } from "./measured-parts.ts";

/**
 * The parts of one process on one data folder, made from the configuration. Each part is made at its first use, with
 * the parts that it needs, and loads its modules then. `close` closes them in reverse order.
 */
export class AppContext {
  readonly config: Config;
  readonly kind: AppProcess["kind"];
  readonly logger: Logger;
  /** The clock of the database, which several machines may share. */
  readonly clock: Clock;
  readonly databaseClock = new DatabaseClock();
  /** Identifies this process among those that share the database. */
  readonly replicaId = randomUUID();
  /** The command line as the actor in the audit log. */
  readonly actor = systemActor("berth");
  readonly metrics = new ProcessMetrics();
  readonly locks: UploadLocks;
  readonly leaseTimes: LeaseTimes;
  readonly pushRules: PushRules;
  readonly #mirrored = new Map<string, "private" | "public">();
  readonly #writer: Writer | undefined;
  readonly #isNewAllowed: boolean;
  readonly #closing = createClosing();

  constructor(config: Config, process: AppProcess) {
    const { gc, repositories, quotas } = config;
    const shared = process.kind === "worker" ? process.sharedServices : undefined;
    this.config = config;
    this.kind = process.kind;
    this.logger = process.kind === "command" ? createLogger(config.log) : process.logger;
    this.#writer = shared?.writer;
    this.#isNewAllowed = process.kind !== "command" || process.isNewAllowed;
    // With SQLite this is the clock of this machine.
    this.clock = config.database.url === undefined ? Date.now : this.databaseClock.now;
    this.locks = shared?.locks ?? createUploadLocks();
    this.leaseTimes = { leaseMs: gc.lease, graceMs: gc.grace, deleteDelayMs: gc.deleteDelay };
    this.pushRules = { ...repositories, defaultQuotaBytes: quotas.default ?? null };
    this.setMirrored(config.mirrors);
  }

  /** The visibility of each mirror, by its namespace. It changes when mirrors are added, changed or removed. */
  get mirrored(): ReadonlyMap<string, "private" | "public"> {
    return this.#mirrored;
  }

  /** Uses other mirrors of the configuration. */
  async configureMirrors(mirrors: Config["mirrors"]): Promise<void> {
    Object.assign(this.config, { mirrors });
    await (await this.mirrors()).refresh();
  }

  setMirrored(mirrors: readonly Pick<MirrorSettings, "namespace" | "visibility">[]): void {
    this.#mirrored.clear();
    for (const { namespace, visibility } of mirrors) this.#mirrored.set(namespace, visibility);
  }

  /** The traces of this process; `undefined`: there are none. */
  readonly tracing = once(async () => {
    const { endpoint, oneIn } = this.config.tracing;
    if (endpoint === undefined || this.kind === "command") return undefined;
    const { Tracing } = await import("../observability/tracing.ts");
    const service = { version: packageVersion(), instance: this.replicaId };
    const tracing = new Tracing({ endpoint, oneIn }, service, this.logger);
    this.onClose(() => tracing.close());
    return tracing;
  });

  // Data

  readonly store = once(async () => {
    const tracing = await this.tracing();
    const store = await openStore(this.config);
    this.onClose(() => store.close());
    return measuredStore(store, { metrics: this.metrics, tracing });
  });

  readonly database = once(async () => {
    // The memory store deletes the database of an earlier process with the same id.
    if (this.config.storage.driver === "memory") await this.store();
    const database = await openDatabase(this.config, {
      sharedWriter: this.#writer,
      isNewAllowed: this.#isNewAllowed,
      meter: createCommandMeter(
        { metrics: this.metrics, tracing: await this.tracing() },
        this.config.database.url === undefined ? "sqlite" : "postgresql",
      ),
    });
    this.onClose(() => database.close());
    const { coordination } = database;
    if (coordination !== undefined) await this.databaseClock.measure(() => coordination.nowMs());
    const added = await database.addedMirrors.visibilities();
    this.setMirrored(joinMirrors(this.config.mirrors, added));
    return database;
  });

  // Push and pull

  readonly registry = once(async () => {
    const { config, clock, leaseTimes, logger } = this;
    const database = await this.database();
    const { coordination } = database;
    const locks =
      coordination && (await import("./replica.ts")).createReplicaLocks(this, coordination);
    const space = hasDataFolder(config)
      ? createFreeSpace(config.data, config.storage.reserve)
      : undefined;
    return createRegistry({
      store: await this.store(),
      database,
      clock,
      locks: locks ?? this.locks,
      isShared: this.kind === "worker" || coordination !== undefined,
      leaseTimes,
      sparse: config.sparse,
      rules: this.pushRules,
      limits: {
        // SIGHUP changes them.
        blobBytes: () => config.limits.blobSize,
        sessionsPerAccount: () => config.limits.uploadsPerAccount,
      },
      moreTypes: config.manifests.mediaTypes,
      report: logger,
      demandSpace: (bytes) => space?.demand(bytes),
    });
  });

  /** The repositories, without changes to those of mirrors. */
  readonly repositories = once(async () => {
    const { repositories } = await this.registry();
    return denyChangesToMirrored(repositories, this.mirrored);
  });

  readonly quotas = once(async () => {
    const { clock, pushRules: rules } = this;
    return createQuotas({ database: await this.database(), clock, rules });
  });

  /** The long work of this process. A server closes it before its other parts. */
  readonly jobs = once(async () => {
    const { Jobs } = await import("../coordination/jobs.ts");
    const report = (err: unknown): void => this.logger.error({ err }, "a job failed");
    return new Jobs({ database: await this.database(), clock: this.clock, report });
  });

  readonly readOnly = once(async () => {
    const { ReadOnly } = await import("../maintenance/read-only.ts");
    return new ReadOnly({ database: await this.database(), clock: this.clock });
  });

  readonly webhooks = once(async () => (await import("./webhooks.ts")).openWebhooks(this));

  // Accounts and keys

  readonly accounts = once(async () => {
    const { createAccounts } = await import("../accounts/accounts.ts");
    const { config } = this;
    return createAccounts({
      database: await this.database(),
      clock: this.clock,
      createOnPush: config.repositories.createOnPush,
      processes: config.database.url === undefined ? config.workers : "replicas",
      mirrors: this.mirrored,
    });
  });

  readonly collaborators = once(async () => {
    const { createCollaborators } = await import("../accounts/collaborators.ts");
    return createCollaborators({ database: await this.database(), clock: this.clock });
  });

  /** The keys that sign tokens, for a server; the first start creates one. */
  readonly keys = once(async () => {
    const { openKeys } = await import("../auth/signing-keys/keys.ts");
    const { config, clock, logger } = this;
    return await openKeys({
      store: await openKeyStore(config, await this.database()),
      algorithm: config.auth.algorithm,
      clock,
      report: (error) =>
        logger.error({ err: error }, "the keys cannot be read; the known keys stay in use"),
      onRotated: ({ id }) => logger.info({ key: id }, "a new key signs the tokens"),
    });
  });

  /** The same keys, for `berth keys`. */
  readonly keyRing = once(async () => {
    const { createKeyRing } = await import("../auth/signing-keys/keys.ts");
    const { config, clock } = this;
    const store = await openKeyStore(config, await this.database());
    return createKeyRing({ store, algorithm: config.auth.algorithm, clock });
  });

  // Mirrors and pull counters

  /** While there are no mirrors, little of their code is loaded. */
  readonly mirrors = once(async () => (await import("./mirrors.ts")).openLiveMirrors(this));

  readonly addedMirrors = once(async () =>
    (await import("./added-mirrors.ts")).openAddedMirrors(this),
  );

  readonly pullCounters = once(async () => {
    const { openPullCounters } = await import("./pull-counters.ts");
    const counters = await openPullCounters(this.config, await this.database(), this);
    this.onClose(() => counters.close());
    return counters;
  });

  readonly retention = once(async () => {
    const { openRetention } = await import("./retention.ts");
    return await openRetention(this);
  });

  /** Calls `close` before the parts that are made so far are closed. */
  onClose(close: () => Promise<void> | void): void {
    this.#closing.add(close);
  }

  /**
   * Closes the parts that are made, the last one first, even if some fail. Rejects with the error, or with an
   * AggregateError if several parts fail.
   */
  close(): Promise<void> {
    return this.#closing.run();
  }
}
