import * as z from "zod";

/* The bodies of error responses. */

/** Of the Hub-shaped API and of Berth's own API. */
export const hubErrorSchema = z.object({
  message: z.string(),
  detail: z.string(),
  errinfo: z.object({}),
  /** Of a 400. */
  text: z.string().optional(),
  /** Of a 400: messages by field of the request. */
  fields: z.record(z.string(), z.array(z.string())).optional(),
});

/** Of the distribution API (distribution-spec, "Error Codes"). */
export const registryErrorsSchema = z.object({
  errors: z
    .array(z.object({ code: z.string(), message: z.string(), detail: z.unknown().optional() }))
    .min(1),
});
