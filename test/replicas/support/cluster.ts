import assert from "node:assert/strict";
import { createWire, type Wire } from "../../crash/wire.ts";
import { startHaproxy, type Balancer, type Certificate } from "./balancer.ts";
import { createTokenWire } from "./token-wire.ts";
import { startPostgres, type Postgres } from "./postgres.ts";
import { freePort } from "./program.ts";
import { runBerth, startReplica, type Replica, type ReplicaOptions } from "./replica.ts";
import { startS3, type S3 } from "./s3.ts";

/** The password of the administrator `admin`. */
export const adminPassword = "correct horse battery";

/** The collector runs all the time, and deletes content as early as it may. */
export const collecting = {
  BERTH_GC_LEASE: "2s",
  BERTH_GC_GRACE: "0s",
  BERTH_GC_DELETE_DELAY: "0s",
  BERTH_GC_INTERVAL: "200ms",
  BERTH_GC_STEPS_PER_SECOND: "5000",
} as const;
/** The value of `BERTH_GC_LEASE` in {@link collecting}. */
export const leaseMs = 2_000;

export interface ClusterOptions {
  /** The number of replicas, at most three. */
  readonly replicas?: number;
  /** Settings of all replicas. */
  readonly env?: NodeJS.ProcessEnv;
  /**
   * What differs for one replica: the host that it listens on, the address at which it reaches PostgreSQL and S3, its
   * settings, and a command that starts it.
   */
  readonly ofReplica?: (index: number) => {
    readonly host?: string;
    readonly peer?: string;
    readonly env?: NodeJS.ProcessEnv;
    readonly through?: readonly string[];
  };
  /** Each request goes to the next replica. The default is true; false: as in `deploy/haproxy.cfg`. */
  readonly roundRobin?: boolean;
  /** The address of the database, if it is not that of PostgreSQL itself. */
  readonly databaseUrl?: (postgres: Postgres) => Promise<string> | string;
  /** Starts no replica. */
  readonly isStopped?: boolean;
  /** The address of the balancer. The default is a free port of 127.0.0.1. */
  readonly host?: string;
  readonly port?: number;
  /** The balancer serves https. */
  readonly tls?: Certificate;
}

/** Replicas on one PostgreSQL and one S3 server, behind HAProxy. All of it is ended after the last test of the file. */
export interface Cluster {
  readonly postgres: Postgres;
  readonly s3: S3;
  readonly balancer: Balancer;
  /** By index. A replica that was started again replaces its predecessor. */
  readonly replicas: Replica[];
  /** The settings of all replicas, for commands. */
  readonly env: NodeJS.ProcessEnv;
  /** Starts the replica with this index, for example after its end. `more` replaces options. */
  start(index: number, more?: Partial<ReplicaOptions>): Promise<Replica>;
  /** A client of the balancer, or of one replica, that is logged in as `admin`. */
  client(replica?: Replica): Wire;
  /** Runs `berth ARGS` with the settings of the replicas, and resolves with its output. Fails unless the exit code is 0. */
  administer(args: readonly string[], input?: string): Promise<string>;
}

export async function startCluster({
  replicas: count = 3,
  env = {},
  ofReplica = () => ({}),
  roundRobin = true,
  databaseUrl = (postgres) => postgres.url(),
  isStopped = false,
  host: balancerHost = "127.0.0.1",
  port: givenPort,
  tls,
}: ClusterOptions = {}): Promise<Cluster> {
  const [postgres, s3] = await Promise.all([startPostgres(), startS3()]);
  const port = givenPort ?? (await freePort());
  const shared = {
    BERTH_DATABASE_URL: await databaseUrl(postgres),
    BERTH_PUBLIC_URL: `${tls === undefined ? "http" : "https"}://${balancerHost}:${port}`,
    BERTH_TRUSTED_PROXIES: "127.0.0.1",
    BERTH_AUTH_KEY_SECRET: "the secret of all replicas in a test",
    BERTH_AUTH_ADMIN_PASSWORD: adminPassword,
    ...s3.settings(),
    ...env,
  };
  const places: { readonly listen: string; readonly options: ReplicaOptions }[] = [];
  for (let index = 0; index < count; index += 1) {
    const { host = "127.0.0.1", peer = "127.0.0.1", env: own = {}, through } = ofReplica(index);
    const listen = `${host}:${await freePort()}`;
    const url = new URL(shared.BERTH_DATABASE_URL);
    url.hostname = peer;
    url.searchParams.set("application_name", nameOf(index));
    const database = { BERTH_DATABASE_URL: url.href };
    const options = { listen, env: { ...shared, ...s3.settings(peer), ...database, ...own } };
    places.push({ listen, options: through === undefined ? options : { ...options, through } });
  }
  const replicas: Replica[] = [];
  const start = async (index: number, more: Partial<ReplicaOptions> = {}): Promise<Replica> => {
    const place = places[index];
    assert.ok(place);
    const started = await startReplica({ ...place.options, ...more });
    replicas[index] = started;
    return started;
  };
  if (!isStopped) await Promise.all(places.map((_, index) => start(index)));
  // After the replicas, because HAProxy sends nothing for 2 s to a replica that did not answer.
  const balancer = await startHaproxy({
    replicas: places.map(({ listen }) => listen),
    ...{ host: balancerHost, port, roundRobin, tls: tls ?? false },
  });
  return {
    ...{ postgres, s3, balancer, replicas, env: shared, start },
    client: (replica) =>
      createTokenWire(createWire((replica ?? balancer).url), {
        name: "admin",
        secret: adminPassword,
      }),
    async administer(args, input = "") {
      const { code, stdout, printed } = await runBerth(args, shared, { input });
      assert.equal(code, 0, printed);
      return stdout;
    },
  };
}

/** The `application_name` of the sessions of a replica. */
export const nameOf = (index: number): string => `replica-${index}`;
