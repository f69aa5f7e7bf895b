import * as z from "zod";
import { time } from "./fields.ts";
import { ownNamespacesAtMost, sessionsAtMost } from "./limits.ts";

/* The session of a browser: who is signed in, and what the registry offers. */

const credential = z.string().min(1).max(4096);

export const signInBody = z.object({ username: credential, password: credential });

export const sessionSchema = z.object({
  /** `null`: the caller is anonymous. */
  user: z.object({ username: z.string(), full_name: z.string(), is_admin: z.boolean() }).nullable(),
  /** Open mode: there are no accounts, and every client may do everything. */
  is_open: z.boolean(),
  /** Under which the caller reaches the registry, with its port. */
  host: z.string(),
  version: z.string(),
  /** The user's own namespace, then the organisations by name. */
  namespaces: z
    .array(z.object({ name: z.string(), role: z.enum(["owner", "editor", "member"]) }))
    .max(ownNamespacesAtMost),
  has_mirrors: z.boolean(),
  /** A push creates a missing repository. */
  create_on_push: z.boolean(),
  /** The registry rejects pushes and deletions; `null`: it accepts them. */
  read_only: z.object({ reason: z.string() }).nullable(),
  /** The number of the user's invites to organisations. */
  invites: z.int(),
});
export type SessionAnswer = z.output<typeof sessionSchema>;

export const browserSessionsSchema = z.object({
  sessions: z
    .array(
      z.object({
        id: z.uuid(),
        /** The User-Agent of the browser. */
        browser: z.string(),
        /** The address from which the user signed in. */
        address: z.string(),
        started: time,
        /** The last request, at most one minute late. */
        last_seen: time,
        is_this_one: z.boolean(),
      }),
    )
    .max(sessionsAtMost),
});
export type BrowserSessionsAnswer = z.output<typeof browserSessionsSchema>;
