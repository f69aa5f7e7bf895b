import * as z from "zod";
import { imageHost, ipRange, listenAddress, serverUrl, webOrigin } from "./addresses.ts";
import { databaseSchema } from "./database.ts";
import { mirrorSchema } from "./mirrors.ts";
import { logSchema, metricsSchema, tracingSchema } from "./observability.ts";
import { storageSchema } from "./storage.ts";
import {
  bool,
  choice,
  duration,
  fileMode,
  filePath,
  integer,
  secret,
  size,
  text,
} from "./values.ts";

const day = 86_400_000;
const KiB = 2 ** 10;
const MiB = 2 ** 20;

/**
 * Each key of the configuration, with its default and its description. The names of the environment variables, the
 * check for unknown keys, the messages, `berth config print` and the list in `berth config --help` are derived from it:
 * a new key is one entry in this file.
 */
export const configSchema = z.object({
  listen: listenAddress()
    .prefault("127.0.0.1:5000")
    .describe("The address to listen on; port 0 is any free port"),
  socketMode: fileMode()
    .prefault("0660")
    .describe("The mode of the socket with listen: unix:PATH; it decides which users can connect"),
  publicUrl: serverUrl()
    .optional()
    .describe("The URL that clients use, if there is a proxy in front of the server"),
  data: filePath("the path of a folder")
    .prefault("./data")
    .describe("The folder of SQLite's database and, with the driver filesystem, of the blobs"),
  workers: integer({ min: 1, max: 64 })
    .prefault(1)
    .describe("The number of processes that answer requests; at most one per CPU core is useful"),
  trustedProxies: z
    .array(ipRange())
    .prefault([])
    .describe("Proxies whose X-Forwarded-For, -Proto and -Host headers are trusted"),
  tls: z
    .object({
      cert: filePath("the path of a PEM file; tls.cert and tls.key belong together").describe(
        "The certificate chain in PEM; SIGHUP reads it again",
      ),
      key: filePath("the path of a PEM file; tls.cert and tls.key belong together").describe(
        "The private key in PEM; SIGHUP reads it again",
      ),
    })
    .optional()
    .describe("Serve https instead of http"),
  auth: z
    .object({
      open: bool().prefault(false).describe("No accounts: everyone may pull, push and delete"),
      openOnNetwork: bool()
        .prefault(false)
        .describe("Allow auth.open on an address that other machines can reach"),
      algorithm: choice(["ES256", "RS256"])
        .prefault("ES256")
        .describe("The algorithm of new signing keys for tokens"),
      keySecret: secret("at least 32 characters, or a file to read them from", 32)
        .optional()
        .describe("Seals the signing keys in PostgreSQL; needed with database.url"),
      oldKeySecret: secret("at least 32 characters, or a file to read them from", 32)
        .optional()
        .describe("The earlier auth.keySecret, until berth keys reseal has replaced it"),
      adminPassword: secret()
        .optional()
        .describe(
          "The password of the administrator that the first start creates; if not set, the account has none",
        ),
    })
    .prefault({}),
  database: databaseSchema,
  storage: storageSchema,
  log: logSchema,
  repositories: z
    .object({
      createOnPush: bool()
        .prefault(true)
        .describe("A push to a missing repository creates it, if the pusher may do that"),
      defaultVisibility: choice(["private", "public"])
        .prefault("private")
        .describe(
          "The visibility of repositories that a push creates: only members may pull, or everyone",
        ),
    })
    .prefault({}),
  manifests: z
    .object({
      mediaTypes: z
        .array(text("a media type"))
        .prefault([])
        .describe("Accepted manifest types besides those of OCI and Docker"),
    })
    .prefault({}),
  quotas: z
    .object({
      default: size({ min: 0 })
        .optional()
        .describe("The quota of namespaces without their own quota"),
    })
    .prefault({}),
  mirrors: z
    .array(mirrorSchema)
    .prefault([])
    .describe("Mirrors of other registries; see docs/mirror.md"),
  web: z
    .object({
      enabled: bool().prefault(true).describe("Serve the web pages"),
      sessionIdle: duration({ min: 60_000, max: 365 * day })
        .prefault("7d")
        .describe("The time without a request after which the session of a browser ends"),
      sessionLifetime: duration({ min: 60_000, max: 365 * day })
        .prefault("30d")
        .describe("The time after the sign-in after which the session of a browser ends"),
      imageHosts: z
        .array(imageHost())
        .prefault([])
        .describe("Hosts from which the web pages show the images of descriptions"),
      indexed: bool().prefault(false).describe("Allow search engines to index the web pages"),
    })
    .prefault({}),
  cors: z
    .object({
      origins: z
        .array(webOrigin())
        .prefault([])
        .describe("Origins of other web pages that may call the distribution API from a browser"),
    })
    .prefault({}),
  webhooks: z
    .object({
      allowedNetworks: z
        .array(ipRange())
        .prefault([])
        .describe("Addresses that are not public and that webhooks may call all the same"),
    })
    .prefault({}),
  metrics: metricsSchema,
  tracing: tracingSchema,
  sparse: bool().prefault(false).describe("Accept manifests that name missing blobs and manifests"),
  gc: z
    .object({
      deleteUntagged: bool()
        .prefault(false)
        .describe(
          "Delete manifests that no tag, index or subject uses, gc.grace after the last use ended",
        ),
      lease: duration({ min: 1000, max: 7 * day })
        .prefault("1h")
        .describe(
          "The time for which a blob is kept after a push, a mount, or a request of a pusher",
        ),
      grace: duration({ min: 0 })
        .prefault("24h")
        .describe("The time for which content is kept after its last use ended"),
      deleteDelay: duration({ min: 0, max: day })
        .prefault("10m")
        .describe("The time between the deletion of a blob and that of its bytes"),
      interval: duration({ min: 0, max: 14 * day })
        .prefault("1h")
        .describe("The time between two collections of a server; 0s for none"),
      stepsPerSecond: integer({ min: 1, max: 100_000 })
        .prefault(200)
        .describe("The maximum number of steps per second of a collection of a server"),
    })
    .prefault({}),
  scrub: z
    .object({
      interval: duration({ min: 0, max: 24 * day })
        .prefault("7d")
        .describe("The time between two scrubs of a server; 0s for none"),
      bytesPerSecond: size({ min: 64 * KiB })
        .prefault("8MiB")
        .describe("The maximum number of bytes per second that a scrub of a server reads"),
    })
    .prefault({}),
  retention: z
    .object({
      interval: duration({ min: 0, max: 24 * day })
        .prefault("24h")
        .describe("The time between two runs of all retention policies of a server; 0s for none"),
    })
    .prefault({}),
  limits: z
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
      connectionsPerAddress: integer(
        { min: 0 },
        " (0: half of limits.connections, from 64 to 10000)",
      )
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
    .prefault({}),
});

/** The checked configuration: defaults filled in, paths absolute, durations in milliseconds, sizes in bytes. */
export type Config = z.output<typeof configSchema>;
