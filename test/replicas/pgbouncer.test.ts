import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createScratch } from "../clients/support/scratch.ts";
import { startCluster } from "./support/cluster.ts";
import { startLoad } from "./support/load.ts";
import { checkCluster } from "./support/oracle.ts";
import type { Postgres } from "./support/postgres.ts";
import { accepts, freePort, startProgram } from "./support/program.ts";
import { loadMs } from "./support/times.ts";

/** Starts pgbouncer in transaction mode with fewer connections to PostgreSQL than the replicas have to it. */
async function startPgbouncer(program: string, postgres: Postgres): Promise<string> {
  const folder = createScratch("pgbouncer");
  const port = await freePort();
  const file = path.join(folder, "pgbouncer.ini");
  const users = path.join(folder, "users.txt");
  writeFileSync(users, '"postgres" ""\n');
  const isOld = program === "pgbouncer";
  writeFileSync(
    file,
    [
      "[databases]",
      `berth = host=127.0.0.1 port=${postgres.port} dbname=berth`,
      "[pgbouncer]",
      "listen_addr = 127.0.0.1",
      `listen_port = ${port}`,
      "unix_socket_dir =",
      "auth_type = trust",
      `auth_file = ${users}`,
      "pool_mode = transaction",
      "default_pool_size = 12",
      "max_client_conn = 200",
      // pgbouncer refuses start-up parameters that it does not know.
      "ignore_startup_parameters = extra_float_digits, options",
      isOld ? "" : "max_prepared_statements = 200",
      "user = postgres",
      "",
    ].join("\n"),
  );
  await startProgram([program, file], { isReady: () => accepts(port) });
  return postgres.url({ port });
}

describe("three replicas behind a pgbouncer in transaction mode", () => {
  for (const [version, program, env] of [
    ["1.18 without prepared statements", "pgbouncer", { BERTH_DATABASE_PREPARE: "false" }],
    ["1.24 with prepared statements", "pgbouncer-1.24", {}],
  ] as const)
    test(`of version ${version} push, pull and delete`, async (t) => {
      const cluster = await startCluster({
        env,
        databaseUrl: (postgres) => startPgbouncer(program, postgres),
      });
      const load = startLoad({ connect: () => cluster.client(), name: "pgbouncer" });
      await pause(loadMs * 2);
      await load.stop();
      await checkCluster(t, cluster, { [`pgbouncer ${version}`]: load });
    });
});
