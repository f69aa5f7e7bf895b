import { InvalidArgumentError, type Command } from "commander";
import { withAccounts } from "../support/data-folder.ts";
import { serverCommand, parsePast, type ServerOptions } from "../support/options.ts";

interface Options extends ServerOptions {
  readonly account?: string;
  readonly actor?: string;
  readonly action?: string;
  readonly from?: number;
  readonly to?: number;
  readonly limit: number;
}

const notes = `
The newest entry comes first. The actor "berth" without an address is the
command line. An entry without an actor is from an anonymous client.

Example:
  $ berth audit --account team --action repo.tag --from 7d
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
    .addHelpText("after", notes)
    .action(audit);
}

function audit(options: Options): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    const { account, actor, action, from, to, limit } = options;
    const query = { account, actor, action, fromMs: from, toMs: to, limit };
    for (const entry of await accounts.audit.list(query)) {
      const at = new Date(entry.atMs).toISOString();
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
