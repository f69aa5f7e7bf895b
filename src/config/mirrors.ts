import { Cron } from "croner";
import { validRange } from "semver";
import * as z from "zod";
import { upstreamUrl } from "./addresses.ts";
import { bool, choice, duration, filePath, integer, secret, size, text, value } from "./values.ts";

const day = 86_400_000;
const component = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;

const namespace = (): z.ZodType<string> =>
  value({
    allowed: "one component of a repository name, best the registry's host, such as docker.io",
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
  image: text("a repository as the upstream knows it, such as library/alpine").describe(
    "The repository to copy, as the upstream knows it; with target, one that is hosted here",
  ),
  target: text("a repository at the upstream, such as acme/app")
    .optional()
    .describe("Push image to the upstream instead, under this name; whole images, so no platforms"),
  cron: cron()
    .optional()
    .describe("When to copy while serving; without it only berth mirror sync does"),
  tags: z.array(glob()).prefault(["*"]).describe("Tags to copy; one of them is enough"),
  semver: versionRange().optional().describe("Of these only tags that are versions in this range"),
  keepNewest: integer({ min: 1, max: 100_000 })
    .optional()
    .describe("Of these only so many of the newest versions"),
  platforms: z
    .array(text("os/architecture or os/architecture/variant, such as windows/amd64"))
    .prefault([])
    .describe("Platforms to copy of a multi-platform image; none means all"),
  referrers: bool().prefault(true).describe("Copy signatures and what else refers to an image"),
});

/** One entry of `mirrors`. */
export const mirrorSchema = z.object({
  namespace: namespace().describe("What its repositories begin with here, and the value of ns"),
  upstream: upstreamUrl().describe("The registry to fetch from"),
  aliases: z.array(host()).prefault([]).describe("Other values of ns that mean it"),
  username: text().optional().describe("Account at the upstream"),
  password: secret().optional().describe("Its password or access token"),
  tokenHosts: z
    .array(host())
    .prefault([])
    .describe("Token services that get the password, if they are at another host or port"),
  visibility: choice(["private", "public"])
    .prefault("private")
    .describe("Who may pull: members of the namespace's organisation, or everybody"),
  root: bool()
    .prefault(false)
    .describe(
      "Look names up there that are not hosted here, as registry-mirrors of docker need it",
    ),
  allow: z.array(glob()).prefault([]).describe("Repositories to mirror; none means all"),
  deny: z.array(glob()).prefault([]).describe("Repositories not to mirror"),
  ttl: z
    .object({
      tag: ttl("5m", "A tag is taken for true so long without asking"),
      missing: ttl("1m", "What is not there is taken for missing so long"),
      tagsList: ttl("5m", "A list of tags is kept so long"),
      referrers: ttl("5m", "A list of referrers is kept so long"),
    })
    .prefault({}),
  cacheSize: size({ min: 1 })
    .optional()
    .describe("Bytes to keep; the longest unused blobs go first"),
  prefetch: integer({ min: 0, max: 100 })
    .prefault(3)
    .describe("Layers that follow one that is pulled, and are fetched with it"),
  idle: duration({ min: 100, max: day })
    .prefault("30s")
    .describe("An upstream that sends nothing for so long is given up"),
  allowPrivateNetwork: bool()
    .prefault(false)
    .describe("The upstream, and what it redirects to, may have addresses that are not public"),
  tls: z
    .object({
      ca: filePath("the path of a PEM file")
        .optional()
        .describe("Certificates to trust instead of the system's"),
      insecure: bool().prefault(false).describe("Do not look at the upstream's certificate"),
    })
    .prefault({}),
  foreignLayerHosts: z
    .array(host())
    .prefault([])
    .describe("Hosts to fetch foreign layers from, such as those of older Windows images"),
  schedule: z.array(scheduleSchema).prefault([]).describe("Images to copy before anybody asks"),
});
