import * as z from "zod";

/* Fields and parameters that the answers and requests of several nouns share. */

/** RFC 3339 in UTC with `Z`: clients reject other offsets. */
export const time = z.iso.datetime();
/** A time in milliseconds since the epoch, as {@link time}. */
export const timeOf = (ms: number): string => new Date(ms).toISOString();

export const timeOrNull = (ms: number | null | undefined): string | null =>
  ms === null || ms === undefined ? null : timeOf(ms);

/** A time in a request, with any offset. */
export const anyTime = z.iso.datetime({ offset: true });

/** A comma-separated list of words; a repeated parameter is joined. */
export const words = z
  .string()
  .default("")
  .transform((text) => [...new Set(text.split(",").map((word) => word.trim()))].filter(Boolean));

/** `1`, `true` and `yes` are true, other values are false; an empty or missing parameter is `undefined`. */
export const flag = z
  .string()
  .optional()
  .transform((text) =>
    text === undefined || text === "" ? undefined : /^(?:1|true|yes)$/i.test(text),
  );

const sizeAtMost = 100;
const pageAtMost = 1_000_000;

const pageSizeOf = (byDefault: number) =>
  z.coerce
    .number()
    .int()
    .min(1)
    .transform((size) => Math.min(size, sizeAtMost))
    .default(byDefault)
    .describe(`A larger number counts as ${sizeAtMost}.`);

/** Parameters of a page. A larger `page_size` is reduced to the maximum of 100, because clients send 1000. */
export const pageFields = {
  page: z.coerce.number().int().min(1).max(pageAtMost).default(1),
  page_size: pageSizeOf(10),
};
/** The same for the audit log. */
export const auditPageFields = { ...pageFields, page_size: pageSizeOf(25) };

/** Parameters of a list with a keyset cursor (`last`): each page costs the same, independent of its position. */
export const followingFields = {
  page_size: pageFields.page_size,
  last: z.string().max(255).optional().describe("The last name of the previous page."),
};

export const pageQuery = z.object(pageFields);

/** One page of a list: `count` is the number of entries on all pages, `next` and `previous` are absolute URLs. */
export const pageSchema = <T extends z.ZodType>(item: T) =>
  z.object({
    count: z.number().int(),
    next: z.url().nullable(),
    previous: z.url().nullable(),
    results: z.array(item),
  });
