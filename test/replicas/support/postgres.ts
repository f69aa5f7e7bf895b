import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import pg from "pg";
import { createScratch } from "../../clients/support/scratch.ts";
import { waitUntil } from "../../support/wait.ts";
import { freePort, startProgram, type Program } from "./program.ts";

/** A PostgreSQL server with the database `berth` on a port of its own. */
export interface Postgres {
  readonly port: number;
  /** @param host the address at which the reader of the URL reaches the server */
  url(options?: { readonly host?: string; readonly port?: number }): string;
  /** Runs one statement on a connection of its own. */
  query<Row = Record<string, unknown>>(text: string): Promise<readonly Row[]>;
  /** `immediate` ends all server processes without a checkpoint, as a crash does. */
  stop(how: "fast" | "immediate"): Promise<void>;
  start(): Promise<void>;
  /** Creates a synchronous standby: the primary acknowledges a commit when the standby has flushed it. */
  createStandby(): Promise<Postgres>;
  /** From now on this role needs its password. */
  requirePassword(role: string): Promise<void>;
  /** Makes a standby a primary. */
  promote(): Promise<void>;
}

/** The programs of PostgreSQL 15: Debian does not put all of them into PATH. */
const programs = "/usr/lib/postgresql/15/bin";
const postgresProgram = (name: string): string => {
  const file = path.join(programs, name);
  return existsSync(file) ? file : name;
};

/** PostgreSQL does not run as root. */
const asPostgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] as const;

function runAsPostgres(command: string, ...args: readonly string[]): void {
  const [first, ...rest] = [...asPostgres, postgresProgram(command), ...args];
  execFileSync(first ?? "", rest, { stdio: ["ignore", "ignore", "inherit"] });
}

const settings = [
  "listen_addresses = '*'",
  "unix_socket_directories = ''",
  "max_connections = 200",
  "shared_buffers = 64MB",
  "log_min_messages = warning",
  "log_line_prefix = '%m %a '",
  "wal_level = replica",
  "max_wal_senders = 4",
  "deadlock_timeout = 500ms",
  // After a crash PostgreSQL would flush each file, which takes seconds on a busy disk.
  "recovery_init_sync_method = syncfs",
].join("\n");

const trusting = "host all all all trust\nhost replication all all trust\n";

/** Starts a new server. */
export async function startPostgres(): Promise<Postgres> {
  const folder = newDataFolder();
  runAsPostgres(
    "initdb",
    ...["-D", folder, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"],
  );
  writeFileSync(path.join(folder, "postgresql.auto.conf"), `${settings}\n`);
  writeFileSync(path.join(folder, "pg_hba.conf"), trusting);
  const server = await startServer(folder, await freePort());
  await server.query("CREATE DATABASE berth", "postgres");
  return server;
}

function newDataFolder(): string {
  const folder = createScratch("postgres");
  execFileSync("chown", ["postgres", folder]);
  chmodSync(folder, 0o700);
  return folder;
}

interface Server extends Postgres {
  query<Row>(text: string, database?: string): Promise<readonly Row[]>;
}

async function startServer(folder: string, port: number): Promise<Server> {
  const query = async <Row>(text: string, database = "berth"): Promise<readonly Row[]> => {
    const client = new pg.Client(`postgres://postgres@127.0.0.1:${port}/${database}`);
    client.on("error", () => undefined);
    await client.connect();
    try {
      return (await client.query(text)).rows as readonly Row[];
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  const begin = (): Promise<Program> =>
    startProgram([...asPostgres, postgresProgram("postgres"), "-D", folder, "-p", String(port)], {
      env: { LC_ALL: "C.UTF-8" },
      isReady: () =>
        query("SELECT 1", "postgres").then(
          () => true,
          () => false,
        ),
    });
  let running = await begin();
  return {
    port,
    query,
    url: ({ host = "127.0.0.1", port: through = port } = {}) =>
      `postgres://postgres@${host}:${through}/berth`,
    async stop(how) {
      await running.end(how === "fast" ? "SIGINT" : "SIGQUIT");
    },
    async start() {
      running = await begin();
    },
    async createStandby() {
      const copy = newDataFolder();
      const connection = `host=127.0.0.1 port=${port} user=postgres application_name=standby`;
      runAsPostgres(
        "pg_basebackup",
        ...["-D", copy, "-d", connection, "-R", "-X", "stream", "-c", "fast"],
      );
      const standby = await startServer(copy, await freePort());
      await query("ALTER SYSTEM SET synchronous_standby_names = 'standby'");
      await query("SELECT pg_reload_conf()");
      await waitUntil("the standby is synchronous", async () => {
        const rows = await query<{ sync_state: string }>(
          "SELECT sync_state FROM pg_stat_replication",
        );
        return rows.some((row) => row.sync_state === "sync");
      });
      return standby;
    },
    async requirePassword(role) {
      const file = path.join(folder, "pg_hba.conf");
      writeFileSync(file, `host all ${role} all scram-sha-256\n${trusting}`);
      await query("SELECT pg_reload_conf()");
    },
    async promote() {
      // The base backup has the settings of the primary, and this server has no standby of its own.
      await query("SELECT pg_promote()");
    },
  };
}

/** Runs a client program of PostgreSQL, such as pg_dump, and resolves with its output. */
export function runPostgresClient(program: string, ...args: readonly string[]): Buffer {
  return execFileSync(postgresProgram(program), args, {
    env: { PATH: process.env["PATH"] },
    maxBuffer: 2 ** 30,
    stdio: ["ignore", "pipe", "inherit"],
  });
}
