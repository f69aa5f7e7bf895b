import * as z from "zod";
import { imageHost, ipRange, listenAddress, serverUrl, webOrigin } from "./addresses.ts";
import { databaseSchema } from "./database.ts";
import { limitsSchema } from "./limits.ts";
import { gcSchema, retentionSchema, scrubSchema } from "./maintenance.ts";
import { mirrorSchema } from "./mirrors.ts";
import { auditSchema, logSchema, metricsSchema, tracingSchema } from "./observability.ts";
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

/**
 * Each key of the configuration, with its default and its description. The names of the environment variables, the
 * check for unknown keys, the messages, `berth config print` and the list in `berth config --help` are derived from it:
 * a new key is one entry here, or in the file of its group.
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
  audit: auditSchema,
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
  gc: gcSchema,
  scrub: scrubSchema,
  retention: retentionSchema,
  limits: limitsSchema,
});

/** The checked configuration: defaults filled in, paths absolute, durations in milliseconds, sizes in bytes. */
export type Config = z.output<typeof configSchema>;
