import { count } from "../format.ts";

/* Sentences about access tokens. A second language is a second folder. */

export const tokens = {
  intro:
    "A client logs in with an access token in place of your password. A token can do less than you, and can be deleted alone.",
  new: "New access token",
  label: "Label",
  labelHint: "Where the token is used, such as laptop or ci.",
  labelFor: (name: string) => `pull ${name}`,
  scope: "What the token may do",
  scopes: {
    "repo:read": "Pull everything that I may pull",
    "repo:write": "Pull and push what I may pull and push",
    "repo:admin": "Everything that I may do with repositories, also delete",
    "repo:public_read": "Pull public repositories only",
  },
  scopesShort: {
    "repo:read": "pull",
    "repo:write": "pull, push",
    "repo:admin": "pull, push, delete",
    "repo:public_read": "pull public",
  },
  expires: "Expires",
  lifetimes: {
    "30": "In 30 days",
    "90": "In 90 days",
    "365": "In a year",
    "": "Never",
  },
  create: "Create token",
  list: "Access tokens",
  none: "No access tokens yet.",
  active: (n: number) => `${count(n)} active`,
  columns: {
    label: "Token",
    scope: "May",
    lastUsed: "Last used",
    expires: "Expires",
    active: "Active",
    createdBy: "Created by",
  },
  never: "never",
  expired: "expired",
  isActive: (label: string) => `${label} is active`,
  delete: "Delete",
  deleteTitle: (label: string) => `Delete the token ${label}?`,
  deleteHint: "Clients with this token can no longer log in. This cannot be undone.",
  deleteUnused: "No client has used it.",
  deleteUsed: "A client used it last",
};
