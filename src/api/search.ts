import * as z from "zod";
import { flag, pageSchema, pageFields, time, words } from "./fields.ts";
import { facetValuesAtMost, searchedNamespacesAtMost } from "./limits.ts";
import { repositoryFields } from "./repositories.ts";

/* The searches: three of Docker Hub (`hub…`), `docker search` (v1), and Berth's own. */

export const searchOrders = ["suggested", "pull_count", "star_count", "updated_at"] as const;
export type SearchOrder = (typeof searchOrders)[number];

const text = z.string().max(1000).default("");
const sortQuery = {
  sort: z.preprocess((given) => given || undefined, z.enum(searchOrders).default("suggested")),
  order: z.preprocess((given) => given || undefined, z.enum(["asc", "desc"]).default("desc")),
};

/** `GET /v2/search/repositories` */
export const hubSearchQuery = z.object({
  ...pageFields,
  query: text,
  is_official: flag,
  is_automated: flag,
});
export const hubSearchResultSchema = z.object({
  repo_name: z.string(),
  short_description: z.string(),
  star_count: z.int(),
  pull_count: z.int(),
  repo_owner: z.string(),
  is_automated: z.boolean(),
  is_official: z.boolean(),
});

const labelled = z.array(z.object({ name: z.string(), label: z.string() }));

/** A repository as Docker Hub's pages show it. */
export const hubProductSchema = z.object({
  id: z.string(),
  name: z.string(),
  slug: z.string(),
  type: z.string(),
  publisher: z.object({ id: z.string(), name: z.string() }),
  created_at: time,
  updated_at: time,
  short_description: z.string(),
  badge: z.string(),
  star_count: z.int(),
  pull_count: z.string().describe("Rounded, as Docker Hub shows it: 1M+"),
  operating_systems: labelled,
  architectures: labelled,
  logo_url: z.object({}),
  extension_reviewed: z.boolean(),
  categories: z.array(z.object({})),
  archived: z.boolean(),
});

/** `GET /api/search/v4` */
export const hubPageSearchQuery = z.object({
  ...sortQuery,
  query: text,
  from: z.coerce.number().int().min(0).max(1_000_000).default(0),
  size: z.coerce
    .number()
    .int()
    .min(0)
    .transform((size) => Math.min(size, 100))
    .default(25),
  badges: words,
  type: words,
  operating_systems: words,
  architectures: words,
});
export const hubPageSearchSchema = z.object({ total: z.int(), results: z.array(hubProductSchema) });

/** `GET /api/content/v1/products/search` */
export const hubProductSearchQuery = z.object({
  ...pageFields,
  q: text,
  query: text,
  source: z.string().optional(),
  type: words,
  operating_system: words,
  architecture: words,
});
export const hubProductSearchSchema = pageSchema(hubProductSchema)
  .omit({ results: true })
  .extend({
    page: z.int(),
    page_size: z.int(),
    summaries: z.array(hubProductSchema.extend({ source: z.enum(["library", "community"]) })),
  });

const wholeNumber = (byDefault: number, atMost: number) =>
  z
    .string()
    .regex(/^\d{0,9}$/, "must be a whole number")
    .default("")
    .transform((digits) =>
      Math.min(Math.max(digits === "" ? byDefault : Number(digits), 1), atMost),
    );

/** `GET /v1/search` */
export const v1SearchQuery = z.object({
  q: z.string().default(""),
  n: wholeNumber(25, 100),
  page: wholeNumber(1, 1_000_000),
});
export const v1SearchSchema = z.object({
  query: z.string(),
  num_results: z.int(),
  num_pages: z.int(),
  page: z.int(),
  page_size: z.int(),
  results: z.array(
    z.object({
      name: z.string().describe("The name as in docker pull: alpine for library/alpine."),
      description: z.string(),
      star_count: z.int(),
      pull_count: z.int(),
      is_official: z.boolean(),
      is_automated: z.boolean(),
      is_trusted: z.boolean(),
    }),
  ),
});
export const v1PingSchema = z.object({ standalone: z.boolean() });

/** `GET /api/berth/v1/search` */
export const searchQuery = z.object({
  ...pageFields,
  ...sortQuery,
  query: text,
  os: words,
  architecture: words,
  os_version: words.describe("A value with a * at its end matches by prefix: 10.0.20348*"),
  type: words,
  is_official: flag,
  namespace: words
    .refine((names) => names.length <= searchedNamespacesAtMost, "too many namespaces")
    .describe("Only repositories in one of these namespaces"),
  where: z
    .preprocess((given) => given || undefined, z.enum(["hosted", "mirrored"]).optional())
    .describe("Only repositories outside, or inside, the namespaces of mirrors"),
  facets: flag.describe("Whether the answer counts the repositories for each value of a filter"),
});
export const searchResultSchema = z.object({
  ...repositoryFields,
  is_official: z.boolean(),
  matched: z
    .enum(["name", "description", "readme"])
    .nullable()
    .describe(
      "Where the words are: all in the name, all in name and description, or some only in the README. null: no words",
    ),
});
export type SearchResultAnswer = z.output<typeof searchResultSchema>;

const facetCounts = z
  .array(z.object({ value: z.string(), count: z.int() }))
  .max(facetValuesAtMost)
  .nullable()
  .describe("The most frequent values first; null: 10,000 repositories or more, not counted");
export const searchFacetsSchema = z.object({
  os: facetCounts,
  os_version: facetCounts.describe(
    "As facet os; all builds of one Windows release are one value, such as 10.0.20348*",
  ),
  architecture: facetCounts,
  type: facetCounts,
});
export const searchSchema = pageSchema(searchResultSchema).extend({
  facets: searchFacetsSchema
    .optional()
    .describe("With facets=true. The filter of a facet does not restrict its own counts"),
});
export type SearchAnswer = z.output<typeof searchSchema>;
