import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { parentOf } from "../support/processes.ts";

/** Databases of a bench on a PostgreSQL server, each for one start of Berth. */
export interface PostgresDatabases {
  /** Creates an empty database and returns its URL. */
  readonly create: () => string;
  /** Drops all of them. */
  readonly drop: () => void;
}

/**
 * @param url of any database on the server, for a user that may create databases; `psql` must be installed
 */
export function createPostgresDatabases(url: string): PostgresDatabases {
  const names: string[] = [];
  const run = (sql: string): string => runSql(url, sql);
  return {
    create: () => {
      const name = `berth_bench_${randomBytes(6).toString("hex")}`;
      run(`CREATE DATABASE ${name}`);
      names.push(name);
      const database = new URL(url);
      database.pathname = `/${name}`;
      return database.href;
    },
    drop: () => {
      for (const name of names.splice(0)) run(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

/** Runs a statement with psql, and returns its rows as text. */
export function runSql(url: string, sql: string): string {
  const quietly = ["--quiet", "--no-psqlrc", "--tuples-only", "--no-align"];
  return execFileSync("psql", [...quietly, "--dbname", url, "--command", sql])
    .toString()
    .trim();
}

/** The process id of the PostgreSQL server, whose descendants are all its processes. It must run on this machine. */
export function postgresPid(url: string): number {
  const checkpointer = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'";
  const pid = parentOf(Number(runSql(url, checkpointer)));
  if (pid === undefined) throw new Error("PostgreSQL must run on this machine");
  return pid;
}
