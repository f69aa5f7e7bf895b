import { createRequire } from "node:module";
import process from "node:process";
import type SqliteDatabase from "better-sqlite3";

/*
 * better-sqlite3 in the version that this Node runs. 12 aborts the process on Node 24.19 and later when garbage
 * collection ends a statement; 13 does not, but asks for Node-API 10, which Node has from 22.14, and crashes on an older
 * one (https://github.com/WiseLibs/better-sqlite3/issues/1514).
 */
const hasNodeApi10 = Number(process.versions["napi"]) >= 10;

const driver = createRequire(import.meta.url)(
  hasNodeApi10 ? "better-sqlite3-node-api" : "better-sqlite3",
) as typeof SqliteDatabase;

export default driver;
export type { Database, Statement, Transaction } from "better-sqlite3";
