import { Cron } from "croner";
import { validRange } from "semver";
import * as z from "zod";
import { upstreamUrl } from "./addresses.ts";
import { nameOf } from "./keys.ts";
import { bool, choice, duration, filePath, integer, secret, size, text, value } from "./values.ts";

const day = 86_400_000;
const component = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;

const namespace = (): z.ZodType<string> =>
  value({
    allowed: "one component of a repository name; use the registry's host, such as docker.io",
    parse: (raw) =>
      typeof raw === "string" && raw.length <= 100 && component.test(raw) ? raw : undefined,
  });

const host = (): z.ZodType<string> =>
  value({
    allowed: "HOST or HOST:PORT, such as index.docker.io",
    parse: (raw) =>
      typeof raw === "string" && /^[\w.-]+(?::\d{1,5})?$/.test(raw) ? raw.toLowerCase() : undefined,
  });

const glob = (): z.ZodType<string> => text("a glob, such as library/*");

const cron = (): z.ZodType<string> =>
  value({
    allowed: "five or six fields, such as 0 3 * * *",
    parse: (raw) => (typeof raw === "string" && isCron(raw) ? raw : undefined),
  });

function isCron(text: string): boolean {
  try {
    return new Cron(text, { paused: true }).nextRun() !== null;
  } catch {
    return false;
  }
}

const versionRange = (): z.ZodType<string> =>
  value({
    allowed: "a range of versions, such as >=3.18 <4",
    parse: (raw) => (typeof raw === "string" ? (validRange(raw) ?? undefined) : undefined),
  });

const ttl = (initial: string, description: string) =>
  duration({ min: 0, max: 365 * day })
    .prefault(initial)
    .describe(description);

const scheduleSchema = z.object({
  image: text("the name of a repository, such as library/alpine").describe(
    "The repository of the upstream to copy; with target, the hosted repository to push",
  ),
  target: text("the name of a repository, such as acme/app")
    .optional()
    .describe("Push image to this repository of the upstream instead; platforms must be empty"),
  cron: cron()
    .optional()
    .describe("The times at which a server copies; if not set, only berth mirror sync copies"),
  tags: z.array(glob()).prefault(["*"]).describe("Tags to copy: those that match one of the globs"),
  semver: versionRange().optional().describe("Copy only tags that are versions in this range"),
  keepNewest: integer({ min: 1, max: 100_000 })
    .optional()
    .describe("Copy only this number of the newest versions"),
  platforms: z
    .array(text("os/architecture or os/architecture/variant, such as windows/amd64"))
    .prefault([])
    .describe("Platforms to copy of a multi-platform image; an empty list is all"),
  referrers: bool().prefault(true).describe("Also copy signatures and other referrers"),
});

/** One entry of `mirrors`. */
export const mirrorSchema = z.object({
  namespace: namespace().describe(
    "The first component of its repository names in this registry, and the value of ns",
  ),
  upstream: upstreamUrl().describe("The URL of the mirrored registry"),
  aliases: z.array(host()).prefault([]).describe("Other values of ns for this mirror"),
  username: text().optional().describe("The account at the upstream"),
  password: secret().optional().describe("The password or access token of this account"),
  tokenHosts: z
    .array(host())
    .prefault([])
    .describe(
      "Hosts of token services that may get the password, if they differ from the upstream",
    ),
  visibility: choice(["private", "public"])
    .prefault("private")
    .describe("The visibility: only members of the namespace's organisation may pull, or everyone"),
  root: bool()
    .prefault(false)
    .describe(
      "Use this mirror for all names that this registry does not host; registry-mirrors of docker needs it",
    ),
  allow: z.array(glob()).prefault([]).describe("Repositories to mirror; an empty list is all"),
  deny: z.array(glob()).prefault([]).describe("Repositories not to mirror"),
  ttl: z
    .object({
      tag: ttl("5m", "The time for which a cached tag is used without asking the upstream"),
      missing: ttl("1m", "The time for which a missing name is not requested again"),
      tagsList: ttl("5m", "The time for which a list of tags is cached"),
      referrers: ttl("5m", "The time for which a list of referrers is cached"),
    })
    .prefault({}),
  cacheSize: size({ min: 1 })
    .optional()
    .describe("The maximum size of the cache; the least recently used blobs are evicted first"),
  prefetch: integer({ min: 0, max: 100 })
    .prefault(3)
    .describe("The number of next layers that are downloaded together with a pulled layer"),
  idle: duration({ min: 100, max: day })
    .prefault("30s")
    .describe("The time after which a silent upstream connection is closed"),
  allowPrivateNetwork: bool()
    .prefault(false)
    .describe("Allow addresses that are not public, for the upstream and its redirects"),
  tls: z
    .object({
      ca: filePath("the path of a PEM file")
        .optional()
        .describe("Trusted certificates, instead of those of the system"),
      insecure: bool().prefault(false).describe("Do not verify the certificate of the upstream"),
    })
    .prefault({}),
  foreignLayerHosts: z
    .array(host())
    .prefault([])
    .describe(
      "Hosts from which foreign layers may be downloaded, such as those of older Windows images",
    ),
  schedule: z
    .array(scheduleSchema)
    .prefault([])
    .describe("Images to copy at fixed times, before clients pull them"),
});

type ParsedMirror =
  | { readonly ok: true; readonly mirror: z.output<typeof mirrorSchema> }
  /** The problem in one line. */
  | { readonly ok: false; readonly problem: string };

/** Parses one entry of `mirrors` that does not come from the configuration. */
export function parseMirror(entry: Readonly<Record<string, unknown>>): ParsedMirror {
  const parsed = mirrorSchema.safeParse(entry);
  if (parsed.success) return { ok: true, mirror: parsed.data };
  const problems = parsed.error.issues.map(({ path, message }) => {
    const name = nameOf(path.filter((step) => typeof step !== "symbol"));
    return `${name} must be ${message}`;
  });
  return { ok: false, problem: problems.join("; ") };
}
