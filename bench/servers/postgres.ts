import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";

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
  const run = (sql: string): void => {
    execFileSync("psql", ["--quiet", "--no-psqlrc", "--dbname", url, "--command", sql]);
  };
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
