import type { Command } from "commander";
import type { AdministeredWebhooks } from "./administered-webhooks.ts";
import { onFolderOrServer } from "./data-folder.ts";
import { serverCommand, type ServerOptions } from "./options.ts";
import type { Say } from "./output.ts";

/* The webhooks that a command is about: of the server, of a namespace or of a repository. */

export interface ScopeOptions extends ServerOptions {
  readonly of?: string;
}

export const scoped = (name: string, description: string): Command =>
  serverCommand(name, description).option(
    "--of <name>",
    "a namespace, or a repository (default: the server)",
  );

export const ofOne = (name: string, description: string): Command =>
  scoped(name, description).argument("<id>", "the id in the output of list");

export function withWebhooks(
  options: ScopeOptions,
  work: (webhooks: AdministeredWebhooks, say: Say) => Promise<void>,
): Promise<void> {
  const scope = (options.of ?? "").toLowerCase();
  return onFolderOrServer(options, {
    folder: async (context, say) => {
      const { localWebhooks } = await import("../support/administered-webhooks.ts");
      const { webhooks } = await context.webhooks();
      await work(localWebhooks(webhooks, context.actor, scope), say);
    },
    server: async (remote) => {
      const { remoteWebhooks } = await import("../support/administered-webhooks.ts");
      await work(remoteWebhooks(remote, scope), remote.say);
    },
  });
}
