import { InvalidArgumentError, type Command } from "commander";
import { auditCsvHead, auditCsvLine } from "../../api/audit.ts";
import { timeOf } from "../../api/fields.ts";
import { formatDuration } from "../../config/quantities.ts";
import { withAccounts } from "../support/data-folder.ts";
import { serverCommand, parsePast, type ServerOptions } from "../support/options.ts";
import { orNone, print, printError } from "../support/output.ts";

interface Options extends ServerOptions {
  readonly account?: string;
  readonly actor?: string;
  readonly action?: string;
  readonly from?: number;
  readonly to?: number;
  readonly limit: number;
  readonly csv?: true;
}

const notes = `
The newest entry comes first. The actor "berth" without an address is the
command line. An entry without an actor is from an anonymous client.
Entries stay forever, or until they are as old as audit.keep.

Example:
  $ berth audit --account team --action repo.tag --from 7d
  $ berth audit --limit 1000000 --csv > audit.csv
`;

/** `berth audit`: the rows of the audit log. */
export function auditCommand(): Command {
  return serverCommand("audit", "list the entries of the audit log")
    .option("--account <name>", "only changes to this user or organisation")
    .option("--actor <name>", "only changes by this account")
    .option("--action <name>", "only this action or group: repo, repo.tag, repo.tag.push")
    .option("--from <when>", "not before this time: 7d (ago), or a date", parsePast)
    .option("--to <when>", "not after this time: 1d (ago), or a date", parsePast)
    .option("--limit <number>", "the maximum number of entries", parseLimit, 100)
    .option("--csv", "print CSV with a first line of names")
    .addHelpText("after", notes)
    .action(audit);
}

function audit(options: Options): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    const { account, actor, action, from, to, limit, csv } = options;
    const query = { account, actor, action, fromMs: from, toMs: to, limit };
    const { entries, keptMs } = await accounts.audit.list(query);
    if (keptMs !== undefined)
      printError(`entries are deleted after ${formatDuration(keptMs)} (audit.keep)\n`);
    if (csv && !options.json) {
      print(`${auditCsvHead(true)}\n`);
      for (const { atMs, peer, ...entry } of entries)
        print(`${auditCsvLine({ ...entry, at: timeOf(atMs), address: peer })}\n`);
      return;
    }
    for await (const entry of orNone(entries, "no entries")) {
      const at = timeOf(entry.atMs);
      const { actor, account, action, subject, data, peer } = entry;
      const who = `${actor === "" ? "anonymous" : actor}${peer === "" ? "" : ` from ${peer}`}`;
      const isNamed = subject === account || subject.startsWith(`${account}/`);
      const details = Object.entries(data).map(([key, value]) => ` ${key}=${value}`);
      say(
        { at, actor, account, action, subject, data, peer },
        `${at} ${who}: ${action} ${subject}${isNamed ? "" : ` in ${account}`}${details.join("")}`,
      );
    }
  });
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit > 0 && limit <= 1_000_000) return limit;
  throw new InvalidArgumentError("Allowed: a whole number from 1 to 1000000.");
}
