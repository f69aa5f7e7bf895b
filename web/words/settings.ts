import { many } from "../format.ts";

/* Sentences of the pages of the signed-in user: profile, password, sessions, access tokens. A second language is a second folder. */

export const settings = {
  title: "Settings",
  tabs: {
    profile: "Profile",
    password: "Password",
    sessions: "Sessions",
    tokens: "Access tokens",
  },
  signInFirst: "Sign in to see your settings.",
  open: "This registry is open: it has no accounts.",
};

export const profile = {
  title: "Profile",
  name: "User name",
  nameHint: "It is the name of your namespace, and cannot be changed.",
  fullName: "Full name",
  fullNameHint: "Other users see it beside your user name.",
  email: "Email address",
  emailHint: "Owners of your organisations and administrators see it. Berth sends no mail.",
  invites: "Invites",
  noInvites: "No open invites. An invite of an organisation appears here.",
  invited: (by: string, role: string) => `${by} invites you as ${role}`,
  intoTeam: (team: string) => `, into the team ${team}`,
  accept: "Accept",
  decline: "Decline",
  declineTitle: (organisation: string) => `Decline the invite to ${organisation}?`,
  declineHint: "You do not become a member. An owner can invite you again.",
  accepted: (organisation: string) => `You are a member of ${organisation}.`,
  organisations: "Organisations",
  noOrganisations: "You are not a member of an organisation.",
};

export const roles = { owner: "Owner", editor: "Editor", member: "Member" };

export const password = {
  title: "Password",
  current: "Current password",
  new: "New password",
  rule: "8 to 1024 characters.",
  effect:
    "A new password signs you out in all other browsers. Access tokens stay valid; clients that use the password need the new one.",
  show: "Show the passwords",
  change: "Change password",
  changed: "The password is changed. Your other browsers are signed out.",
};

export const sessions = {
  title: "Browsers in which you are signed in",
  browser: "Browser",
  unknownBrowser: "Unknown browser",
  address: "Address",
  started: "Signed in",
  lastSeen: "Last request",
  isThisOne: "this browser",
  end: "Sign out",
  endTitle: (browser: string) => `Sign out ${browser}?`,
  endHint: "The browser must sign in again. Access tokens and other clients are not affected.",
  endOthers: "Sign out all others",
  endOthersTitle: (n: number) => `Sign out ${many(n, "other browser", "other browsers")}?`,
  ended: (n: number) => `${many(n, "browser is", "browsers are")} signed out.`,
};
