import { count } from "../format.ts";

/* Sentences of the frame of every page and of the parts that all pages share. A second language is a second folder. */

export const frame = {
  skip: "Skip to the content",
  home: "Home",
  search: "Search repositories",
  searchHint: "Search, or paste an image reference",
  explore: "Explore",
  mirrors: "Mirrors",
  admin: "Admin",
  theme: "Colour theme",
  themes: { system: "As the system", light: "Light", dark: "Dark" },
  signIn: "Sign in",
  signOut: "Sign out",
  accountOf: (name: string) => `Account of ${name}`,
  yourRepositories: "Your repositories",
  settings: "Settings",
  newRepository: "New repository",
  main: "Main",
  api: "API",
  documentation: "OpenAPI document",
  shortcuts: "Keyboard shortcuts",
  ready: "Ready",
  notReady: "Not ready",
  notice: "Notice",
  open: "Open registry: everybody who reaches this address may do everything.",
  readOnly: "The registry is read-only at the moment: pulls work, pushes and deletions do not.",
  offline: (time: string) =>
    `The registry does not answer. You see data from ${time}. The page asks again by itself.`,
  signedOutTitle: "Your session has ended",
  signedOutHint: "Sign in again. What you typed is kept.",
};

export const parts = {
  copy: "Copy",
  copied: "Copied",
  pressCopy: "Press Ctrl+C to copy",
  copyDigest: "Copy digest",
  copyCommand: "Copy command",
  now: "now",
  tryAgain: "Try again",
  failedToLoad: "This could not be loaded.",
  noAnswer: "The registry does not answer.",
  asOf: (time: string) => `as of ${time}`,
  waiting: (seconds: number) => `Too many requests. Try again in ${seconds} s.`,
  cancel: "Cancel",
  save: "Save",
  saved: "Saved",
  remove: "remove",
  previous: "Back",
  next: "Next",
  range: (from: number, to: number, all: string) => `${count(from)}–${count(to)} of ${all}`,
  private: "Private",
  official: "Official",
  immutable: "Immutable",
  typeToConfirm: (name: string) => `Type ${name} to confirm`,
  plainHttp: (host: string) =>
    `This registry uses plain HTTP. Add "${host}" to insecure-registries in the settings of the Docker daemon.`,
  live: "live",
  signed: "Signed",
};

export const errors = {
  notFound: "Not found",
  notFoundAt: (what: string) => `There is nothing at ${what}, or you may not see it.`,
  didYouMean: "Did you mean",
  searchFor: (text: string) => `Search for “${text}”`,
  forbidden: "You may not see this",
  forbiddenHint:
    "Your account lacks the permission. An owner of the namespace or an administrator can give it.",
  failed: "The registry could not answer",
  home: "Go to the start page",
};

export const signIn = {
  title: "Sign in",
  name: "User name",
  password: "Password",
  show: "Show the password",
  submit: "Sign in",
  lookAround: "Look around without signing in",
  wrong: "The user name or the password is wrong.",
  open: "This registry is open: it has no sign-in.",
};
