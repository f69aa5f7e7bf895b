import * as z from "zod";
import { ipRange, listenAddress, serverUrl } from "./addresses.ts";
import { mirrorSchema } from "./mirrors.ts";
import { s3Schema } from "./s3.ts";
import {
  bool,
  choice,
  duration,
  filePath,
  integer,
  reserve,
  secret,
  size,
  text,
} from "./values.ts";

const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
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
    .describe("Where to listen; port 0 takes a free one"),
  publicUrl: serverUrl()
    .optional()
    .describe("The URL under which clients reach this server, when a proxy is in front of it"),
  data: filePath("the path of a folder")
    .prefault("./data")
    .describe("Folder of the database and, by default, the blobs"),
  workers: integer({ min: 1, max: 64 })
    .prefault(1)
    .describe("Processes that answer; more than one on a machine with the cores for it"),
  trustedProxies: z
    .array(ipRange())
    .prefault([])
    .describe("Proxies whose X-Forwarded-For, -Proto and -Host are believed"),
  tls: z
    .object({
      cert: filePath("the path of a PEM file; tls.cert and tls.key belong together").describe(
        "Certificate chain in PEM, read again on SIGHUP",
      ),
      key: filePath("the path of a PEM file; tls.cert and tls.key belong together").describe(
        "Private key in PEM, read again on SIGHUP",
      ),
    })
    .optional()
    .describe("Serve https"),
  auth: z
    .object({
      open: bool().prefault(false).describe("No accounts: everybody may pull, push and delete"),
      openOnNetwork: bool()
        .prefault(false)
        .describe("Allow auth.open on an address that other machines reach"),
      algorithm: choice(["ES256", "RS256"])
        .prefault("ES256")
        .describe("How tokens are signed, from the next key on"),
      adminPassword: secret()
        .optional()
        .describe("Password of the administrator that a first start makes; none is set without it"),
    })
    .prefault({}),
  storage: z
    .object({
      driver: choice(["filesystem", "memory", "s3"])
        .prefault("filesystem")
        .describe("Where blobs lie; memory forgets them at the end"),
      reserve: reserve()
        .optional()
        .describe(
          "What pushes leave free on the disk, for deletes and collections: 1% of it if not set, within 16MiB and 1GiB",
        ),
      s3: s3Schema,
    })
    .prefault({}),
  log: z
    .object({
      level: choice(logLevels)
        .prefault("info")
        .describe("The least important line that is still written"),
      format: choice(["auto", "pretty", "json"])
        .prefault("auto")
        .describe("auto is pretty on a terminal and json elsewhere"),
    })
    .prefault({}),
  repositories: z
    .object({
      createOnPush: bool()
        .prefault(true)
        .describe("A push to a repository that is not there makes it, where the pusher may"),
      defaultVisibility: choice(["private", "public"])
        .prefault("private")
        .describe("Who may pull from a repository that a push makes: its members, or everybody"),
    })
    .prefault({}),
  manifests: z
    .object({
      mediaTypes: z
        .array(text("a media type"))
        .prefault([])
        .describe("Manifest types that a push may have besides those of OCI and Docker"),
    })
    .prefault({}),
  quotas: z
    .object({
      default: size({ min: 0 })
        .optional()
        .describe("Bytes that a namespace may hold where it has no quota of its own"),
    })
    .prefault({}),
  mirrors: z
    .array(mirrorSchema)
    .prefault([])
    .describe("Registries whose images come through here; see docs/mirror.md"),
  metrics: z
    .object({
      allow: z.array(ipRange()).prefault(["127.0.0.0/8", "::1"]).describe("Who may read /metrics"),
      listen: listenAddress()
        .optional()
        .describe("An address of its own for /metrics and the details of /readyz, without TLS"),
    })
    .prefault({}),
  sparse: bool().prefault(false).describe("A manifest may name things that are not here"),
  gc: z
    .object({
      deleteUntagged: bool()
        .prefault(false)
        .describe(
          "Delete manifests that no tag, index or subject keeps, gc.grace after they lost the last",
        ),
      lease: duration({ min: 1000, max: 7 * day })
        .prefault("1h")
        .describe("What was just pushed, mounted or asked for by a pusher is kept this long"),
      grace: duration({ min: 0 })
        .prefault("24h")
        .describe("What is no longer needed is kept this much longer"),
      deleteDelay: duration({ min: 0, max: day })
        .prefault("10m")
        .describe("The bytes of a collected blob are deleted this long after its row"),
      interval: duration({ min: 0, max: 14 * day })
        .prefault("1h")
        .describe("Time between two collections while serving; 0s for none"),
      stepsPerSecond: integer({ min: 1, max: 100_000 })
        .prefault(200)
        .describe("Steps that a collection takes in a second while serving"),
    })
    .prefault({}),
  scrub: z
    .object({
      interval: duration({ min: 0, max: 24 * day })
        .prefault("7d")
        .describe("Time between two readings of every blob while serving; 0s for none"),
      bytesPerSecond: size({ min: 64 * KiB })
        .prefault("8MiB")
        .describe("Bytes that are read again in a second while serving"),
    })
    .prefault({}),
  limits: z
    .object({
      drainTimeout: duration({ min: 0, max: day })
        .prefault("30s")
        .describe("Time that running requests get when the server is told to end"),
      idleTimeout: duration({ min: 1000, max: day })
        .prefault("5m")
        .describe("A connection on which nothing moves is closed after this time"),
      headerSize: size({ min: 16 * KiB, max: MiB })
        .prefault("64KiB")
        .describe("Longest header of a request"),
      bodyTimeout: duration({ min: 1000, max: day })
        .prefault("30s")
        .describe("Time in which a small body (a manifest, JSON, a form) has to arrive"),
      manifestSize: size({ min: 4 * MiB, max: 64 * MiB })
        .prefault("4MiB")
        .describe("Largest manifest"),
      manifestsInFlight: integer({ min: 1, max: 10_000 })
        .prefault(16)
        .describe("Manifests that are read at the same time"),
      blobSize: size({ min: MiB })
        .optional()
        .describe("Largest blob; none means what the storage takes"),
      uploadsPerAccount: integer({ min: 16 })
        .prefault(1000)
        .describe("Uploads that one account may have open; in open mode all clients together"),
      uploadExpiry: duration({ min: 1000 })
        .prefault("7d")
        .describe("An upload without a request expires after this time"),
      pageSize: integer({ min: 100, max: 100_000 })
        .prefault(1000)
        .describe("Longest page of a list"),
      tagsPerPush: integer({ min: 1, max: 10_000 })
        .prefault(100)
        .describe("Tags that one manifest push may set"),
      requestsPerClient: integer({ min: 1, max: 1_000_000 })
        .prefault(1024)
        .describe("Requests that one account, or one address without one, may have running"),
      apiWrites: integer({ min: 1, max: 100_000 })
        .prefault(50)
        .describe("Changes a second by one client over the Hub-shaped API and Berth's own"),
      anonymousTokens: integer({ min: 1, max: 100_000 })
        .prefault(100)
        .describe("Tokens a second for clients of one address that name no account"),
      mirrorMisses: integer({ min: 1, max: 1_000_000 })
        .prefault(6000)
        .describe("Fetches from upstreams that one client may begin in a minute"),
      connections: integer({ min: 0 }, " (0: what the limit of open files carries)")
        .prefault(0)
        .describe("Connections that are open at the same time"),
      connectionsPerAddress: integer(
        { min: 0 },
        " (0: half of limits.connections, from 64 to 10000)",
      )
        .prefault(0)
        .describe("Of these, those of one address; trusted proxies have no such limit"),
      uploadRate: size({ min: 0, max: MiB })
        .prefault("1KiB")
        .describe(
          "Bytes a second that an upload brings at least, on average over limits.idleTimeout",
        ),
    })
    .prefault({}),
});

/** The checked configuration: defaults filled in, paths absolute, durations in milliseconds, sizes in bytes. */
export type Config = z.output<typeof configSchema>;
