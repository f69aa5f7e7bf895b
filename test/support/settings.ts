import process from "node:process";
import { databaseFile } from "../../src/app/data-folder.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import sqliteOnly from "../sqlite-only.json" with { type: "json" };
import { databaseSettings } from "./database.ts";
import { isPostgresTested } from "./postgres.ts";
import { tablesAt } from "./postgres-tables.ts";
import { sqliteFileTables, type Tables } from "./tables.ts";

export type Settings = Readonly<Record<string, string>>;

/** The S3 settings of `npm run s3`; `undefined` in `npm test`. */
function s3Settings(): readonly Settings[] | undefined {
  const given = process.env["BERTH_TEST_S3"];
  return given === undefined ? undefined : [JSON.parse(given) as Settings];
}

/** The configuration of a Berth on a data folder, with a database of the kind that is tested. */
export async function configOf(
  data: string,
  settings: Settings = {},
  { onSqlite = "database.url" in settings }: { readonly onSqlite?: boolean | undefined } = {},
): Promise<Config> {
  const flags = { data, ...(onSqlite ? {} : await databaseSettings(data)), ...settings };
  const loaded = await loadConfig({ flags, env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  // The port of a test is not known yet, and URLs in answers have the host of the request without publicUrl.
  return {
    ...loaded.config,
    publicUrl: "publicUrl" in settings ? loaded.config.publicUrl : undefined,
  };
}

/** The tables of the database of a configuration. */
export const tablesFor = (config: Config): Tables =>
  config.database.url === undefined
    ? sqliteFileTables(databaseFile(config))
    : tablesAt(config.database.url);

/** The storage drivers of the tests. */
export const drivers: Readonly<Record<string, Settings>> = Object.fromEntries(
  ["filesystem", "memory"]
    .filter((driver) => !isPostgresTested || !(driver in sqliteOnly.drivers))
    .map((driver) => [driver, { "storage.driver": driver }]),
);

/** The drivers that a test runs with, each with a name. */
export const kindsOfDrivers = (): Readonly<Record<string, Settings>> => {
  const given = s3Settings();
  if (given === undefined) return drivers;
  return Object.fromEntries(
    given.map((settings) => [Object.values(settings)[0] ?? "s3", settings]),
  );
};
