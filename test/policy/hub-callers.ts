/*
 * The callers of the Hub-shaped API, written by hand and independent of the server's code: what each has, and what follows
 * for what a route needs (`hub-table.ts`).
 */

import type { Visibility } from "./table.ts";

export type HubCaller = keyof typeof hubCallers;

interface CallerRow {
  /** The caller's permission on a private and on a public repository of `team`. */
  readonly private: "nothing" | "read" | "write" | "admin";
  readonly public: "read" | "write" | "admin";
  /** The caller's role in the organisation `team`. */
  readonly role: "none" | "member" | "owner";
  readonly is: "nobody" | "user" | "user by token" | "robot";
  /** Whether the caller may create repositories in `team`. */
  readonly mayCreate: boolean;
}

const stranger = { private: "nothing", public: "read", role: "none", mayCreate: false } as const;
const owner = { private: "admin", public: "admin", role: "owner", mayCreate: true } as const;

export const hubCallers = {
  nobody: { ...stranger, is: "nobody" },
  stranger: { ...stranger, is: "user" },
  reader: { ...stranger, private: "read", is: "user" },
  writer: { ...stranger, private: "write", public: "write", is: "user" },
  "admin of the repository": { ...stranger, private: "admin", public: "admin", is: "user" },
  member: { ...stranger, role: "member", is: "user" },
  editor: { ...stranger, role: "member", mayCreate: true, is: "user" },
  "owner of the organisation": { ...owner, is: "user" },
  "owner of another organisation": { ...stranger, is: "user" },
  administrator: { ...owner, is: "user" },
  "administrator with repo:admin": { ...owner, is: "user by token" },
  "owner with repo:admin": { ...owner, is: "user by token" },
  "owner with repo:read": {
    ...{ private: "read", public: "read", role: "member", mayCreate: false, is: "user by token" },
  },
  "owner with repo:public_read": { ...stranger, is: "user by token" },
  "robot that pulls": { ...stranger, private: "read", is: "robot" },
} satisfies Readonly<Record<string, CallerRow>>;

export type HubNeedWord =
  | "open"
  | "session"
  | "user"
  | "password"
  | "create"
  | "read"
  | "write"
  | "admin"
  | "member"
  | "owner"
  | "owner with password"
  | "account"
  | "whole namespace"
  | "administrator";

type Verdict = "allowed" | "login" | "unknown" | "forbidden";

export function hubExpected(need: HubNeedWord, grant: HubCaller, visibility: Visibility): Verdict {
  const row: CallerRow = hubCallers[grant];
  const allowedIf = (is: boolean): Verdict => (is ? "allowed" : "forbidden");
  if (need === "open") return "allowed";
  if (need === "read" || need === "write" || need === "admin") {
    if (row.is === "nobody" && need !== "read") return "login";
    const has = visibility === "missing" ? "nothing" : row[visibility];
    if (has === "nothing") return "unknown";
    return allowedIf(need === "read" || has === "admin" || has === need);
  }
  if (row.is === "nobody") return "login";
  switch (need) {
    case "session":
      return "allowed";
    case "user":
      return allowedIf(row.is !== "robot");
    case "password":
      return allowedIf(row.is === "user");
    case "create":
      return allowedIf(row.mayCreate);
    case "member":
      return allowedIf(row.role !== "none");
    case "owner":
    case "account":
    case "whole namespace":
      return allowedIf(row.role === "owner");
    case "administrator":
      return allowedIf(grant === "administrator");
    case "owner with password":
      return allowedIf(row.role === "owner" && row.is === "user");
  }
}
