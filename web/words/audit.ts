import { count } from "../format.ts";

/* Sentences of the audit logs: that of an account, and that of all accounts. */

export const audit = {
  title: "Audit log",
  action: "Action",
  anyAction: "All actions",
  allOf: (group: string) => `${group}: all`,
  actor: "Who",
  subject: "What",
  from: "From",
  to: "To",
  clear: "Clear",
  csv: "Download as CSV",
  none: "Nothing has happened in this time, or nothing matches.",
  anonymous: "anonymous",
  columns: { time: "Time", actor: "Who", action: "Action", subject: "What", data: "Details" },
  page: (n: number) => `Page ${count(n)}`,
};

export const adminAudit = {
  title: "Audit log of all accounts",
  account: "Account",
  server: "the server",
  address: "Address",
  none: "No entry matches.",
  noneHere: "No entry matches in this part of the log. Older parts may have some.",
  older: "Older entries",
  newest: "Newest entries",
};
