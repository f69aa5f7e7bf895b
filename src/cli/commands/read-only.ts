import { Command } from "commander";
import { readOnlyReasonAtMost } from "../../api/limits.ts";
import { readOnlySchema, type ReadOnlyAnswer } from "../../api/server.ts";
import type { ReadOnlyMode } from "../../database/maintenance/read-only-mode.ts";
import { onFolderOrServer } from "../support/data-folder.ts";
import { UsageError } from "../support/failure.ts";
import { group, serverCommand, type ServerOptions } from "../support/options.ts";
import type { Say } from "../support/output.ts";

const notes = `
In read-only mode a server rejects pushes, deletions and changes of repositories
with 503 and the reason. Pulls, logins and tokens work. All processes and
replicas obey within a second. Commands on the data folder are not stopped.

Examples:
  $ berth read-only on --reason "we move to new disks until 14:00"
  $ berth read-only show --host registry.example.com
  $ berth read-only off
`;

/** `berth read-only …`: reject all changes of repositories for a time. */
export function readOnlyCommand(): Command {
  const command = new Command("read-only").description("reject pushes and deletions for a time");
  const on = serverCommand("on", "reject pushes and deletions from now on")
    .option("--reason <text>", "why, for clients; at most 200 characters", "")
    .action((options: ServerOptions & { readonly reason: string }) =>
      withReadOnly(options, async (mode, say) => {
        const { reason } = options;
        if (reason.length > readOnlyReasonAtMost)
          throw new UsageError(`--reason may have at most ${readOnlyReasonAtMost} characters`);
        sayMode(say, await mode.set({ read_only: true, reason }));
      }),
    );
  const off = serverCommand("off", "accept pushes and deletions again").action(
    (options: ServerOptions) =>
      withReadOnly(options, async (mode, say) =>
        sayMode(say, await mode.set({ read_only: false })),
      ),
  );
  const show = serverCommand("show", "show whether the registry is read-only").action(
    (options: ServerOptions) =>
      withReadOnly(options, async (mode, say) => sayMode(say, await mode.get())),
  );
  return group(command, [on, off, show]).addHelpText("after", notes);
}

function sayMode(say: Say, answer: ReadOnlyAnswer): void {
  const { read_only: isReadOnly, reason, since, changed_by: by } = answer;
  const why = reason === "" ? "" : `: ${reason}`;
  say(
    answer,
    isReadOnly
      ? `the registry is read-only since ${since}, by ${by}${why}`
      : "the registry accepts pushes and deletions",
  );
}

/** Read-only mode of a data folder or of a running server. */
interface AdministeredReadOnly {
  readonly get: () => Promise<ReadOnlyAnswer>;
  readonly set: (mode: {
    readonly read_only: boolean;
    readonly reason?: string;
  }) => Promise<ReadOnlyAnswer>;
}

function withReadOnly(
  options: ServerOptions,
  work: (mode: AdministeredReadOnly, say: Say) => Promise<void>,
): Promise<void> {
  const path = "/admin/read-only";
  return onFolderOrServer(options, {
    folder: async (context, say) => {
      const readOnly = await context.readOnly();
      const mode: AdministeredReadOnly = {
        get: async () => answerOf(await readOnly.find()),
        set: async ({ read_only: isOn, reason = "" }) => {
          if (isOn) return answerOf(await readOnly.start(context.actor, reason));
          await readOnly.end(context.actor);
          return answerOf(undefined);
        },
      };
      await work(mode, say);
    },
    server: (remote) =>
      work(
        {
          get: () => remote.get(readOnlySchema, path),
          set: (mode) => remote.put(readOnlySchema, path, mode),
        },
        remote.say,
      ),
  });
}

const answerOf = (mode: ReadOnlyMode | undefined): ReadOnlyAnswer => ({
  read_only: mode !== undefined,
  reason: mode?.reason ?? "",
  since: mode === undefined ? null : new Date(mode.changedAtMs).toISOString(),
  changed_by: mode?.changedBy ?? null,
});
