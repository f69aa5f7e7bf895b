import * as z from "zod";
import { duration, integer, size } from "./values.ts";

/* What one client, one request or one process may take. SIGHUP reads most of them again. */

const day = 86_400_000;
const KiB = 2 ** 10;
const MiB = 2 ** 20;

export const limitsSchema = z
  .object({
    drainTimeout: duration({ min: 0, max: day })
      .prefault("30s")
      .describe("The time for running requests to finish after SIGTERM or SIGINT"),
    idleTimeout: duration({ min: 1000, max: day })
      .prefault("5m")
      .describe("The time after which an idle connection is closed"),
    headerSize: size({ min: 16 * KiB, max: MiB })
      .prefault("64KiB")
      .describe("The maximum size of the headers of a request"),
    bodyTimeout: duration({ min: 1000, max: day })
      .prefault("30s")
      .describe("The time in which a small body must arrive: a manifest, JSON, a form"),
    manifestSize: size({ min: 4 * MiB, max: 64 * MiB })
      .prefault("4MiB")
      .describe("The maximum size of a manifest"),
    manifestsInFlight: integer({ min: 1, max: 10_000 })
      .prefault(16)
      .describe("The memory for manifests that are being read, in units of limits.manifestSize"),
    blobSize: size({ min: MiB })
      .optional()
      .describe("The maximum size of a blob; if not set, that of the storage"),
    uploadsPerAccount: integer({ min: 16 })
      .prefault(1000)
      .describe(
        "The maximum number of open uploads of one account; in open mode, of all clients together",
      ),
    uploadExpiry: duration({ min: 1000 })
      .prefault("7d")
      .describe("The time after which an upload without a request expires"),
    pageSize: integer({ min: 100, max: 100_000 })
      .prefault(1000)
      .describe("The maximum number of entries on a page of a list"),
    tagsPerPush: integer({ min: 1, max: 10_000 })
      .prefault(100)
      .describe("The maximum number of tags that one manifest push sets"),
    requestsPerClient: integer({ min: 1, max: 1_000_000 })
      .prefault(1024)
      .describe(
        "The maximum number of running requests of one account, or of one address without an account",
      ),
    apiWrites: integer({ min: 1, max: 100_000 })
      .prefault(50)
      .describe(
        "The maximum number of changes per second by one client over the Docker-Hub-shaped API and Berth's API",
      ),
    anonymousTokens: integer({ min: 1, max: 100_000 })
      .prefault(100)
      .describe("The maximum number of anonymous tokens per second for one address"),
    mirrorMisses: integer({ min: 1, max: 1_000_000 })
      .prefault(6000)
      .describe("The maximum number of upstream requests per minute that one client causes"),
    connections: integer({ min: 0 }, " (0: derived from the limit of open files)")
      .prefault(0)
      .describe("The maximum number of open connections"),
    connectionsPerAddress: integer({ min: 0 }, " (0: half of limits.connections, from 64 to 10000)")
      .prefault(0)
      .describe(
        "The maximum number of open connections of one address; trusted proxies have no limit",
      ),
    uploadRate: size({ min: 0, max: MiB })
      .prefault("1KiB")
      .describe(
        "The minimum number of bytes per second of an upload, on average over limits.idleTimeout",
      ),
  })
  .prefault({});
