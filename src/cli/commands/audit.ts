import { InvalidArgumentError, type Command } from "commander";
import { administer } from "../support/administration.ts";
import { dataFolderCommand, type DataFolderOptions } from "../support/data-folder.ts";
import { parsePast } from "../support/parse-date.ts";

interface Options extends DataFolderOptions {
  readonly account?: string;
  readonly actor?: string;
  readonly action?: string;
  readonly from?: number;
  readonly to?: number;
  readonly limit: number;
}

const notes = `
The newest first. The actor "berth" without an address is the command line; no actor is anonymous.
  $ berth audit --account team --action repo.tag --from 7d
`;

/** `berth audit`: the rows of the audit log. */
export function auditCommand(): Command {
  return dataFolderCommand("audit", "list who did what, and from where")
    .option("--account <name>", "only what happened to this user or organisation")
    .option("--actor <name>", "only what this account did")
    .option(
      "--action <name>",
      "only this, or all that begin with it: repo, repo.tag, repo.tag.push",
    )
    .option("--from <when>", "since 7d, or a date", parsePast)
    .option("--to <when>", "until 1d ago, or a date", parsePast)
    .option("--limit <number>", "at most so many", parseLimit, 100)
    .addHelpText("after", notes)
    .action(audit);
}

function audit(options: Options): Promise<void> {
  return administer(options, async ({ accounts }, say) => {
    const { account, actor, action, from, to, limit } = options;
    const query = { account, actor, action, fromMs: from, toMs: to, limit };
    for (const entry of await accounts.audit.list(query)) {
      const at = new Date(entry.atMs).toISOString();
      const { actor, account, action, subject, data, peer } = entry;
      const who = `${actor === "" ? "anonymous" : actor}${peer === "" ? "" : ` from ${peer}`}`;
      const details = Object.entries(data).map(([key, value]) => ` ${key}=${value}`);
      say(
        { at, actor, account, action, subject, data, peer },
        `${at} ${who}: ${action} ${subject}${subject === account || subject.startsWith(`${account}/`) ? "" : ` in ${account}`}${details.join("")}`,
      );
    }
  });
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit > 0 && limit <= 1_000_000) return limit;
  throw new InvalidArgumentError("Allowed: a whole number from 1 to 1000000.");
}
