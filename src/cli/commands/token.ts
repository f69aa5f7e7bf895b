import { Command, InvalidArgumentError, Option } from "commander";
import { withAccounts } from "../support/data-folder.ts";
import { serverCommand, group, parseFuture, type ServerOptions } from "../support/options.ts";
import { orNone, printError } from "../support/output.ts";

interface Resource {
  readonly path: string;
  readonly scopes: readonly string[];
}

interface CreateOptions extends ServerOptions {
  readonly label: string;
  readonly description?: string;
  readonly scope?: string;
  readonly resource?: readonly Resource[];
  readonly expires?: number;
}

const scopes = ["repo:admin", "repo:write", "repo:read", "repo:public_read"];
/** Short names of the usual scopes. */
const words: Readonly<Record<string, string>> = {
  pull: "scope-image-pull",
  push: "scope-image-push",
  delete: "scope-image-delete",
  create: "scope-repository-create",
};

/** The word that `--resource` takes for a scope. */
const wordOf = (scope: string): string =>
  Object.entries(words).find(([, named]) => named === scope)?.[0] ?? scope;

const notes = `
A token replaces the password, as in: docker login -u NAME. It is printed once.

The token of a user has a scope: it limits the permissions of the user. The
token of an organisation has resources: repositories, with * as wildcard, and
their actions.

  $ berth token create mia --label laptop --scope repo:write --expires 90d
  $ berth token create team --label ci --resource 'team/*=push'
  $ berth token create team --label robot --resource team/app=pull

Actions on repositories: pull; push, with pull; delete, with push. The action
create on the organisation (--resource team=create) allows a push to create
repositories. The names of the Hub API (scope-…) are accepted too.
`;

/** `berth token …` */
export function tokenCommand(): Command {
  return group(
    new Command("token").description("manage access tokens of users and organisations"),
    [
      serverCommand("create", "create an access token and print it once")
        .argument("<account>", "a user or an organisation")
        .requiredOption("--label <text>", "the name of the token")
        .option("--description <text>", "a longer description")
        .addOption(
          new Option("--scope <scope>", "for a user: the maximum permissions").choices(scopes),
        )
        .option(
          "--resource <path=actions>",
          "for an organisation: a repository and its actions; can be repeated",
          collectResource,
        )
        .option(
          "--expires <when>",
          "the end of its validity: 90d (from now), or a date",
          parseFuture,
        )
        .addHelpText("after", notes)
        .action(create),
      serverCommand("list", "list the access tokens of an account")
        .argument("<account>")
        .action(list),
      serverCommand("revoke", "revoke an access token")
        .argument("<account>")
        .argument("<id>", "the id in the output of list")
        .action(revoke),
    ],
  );
}

function collectResource(text: string, before: readonly Resource[] = []): readonly Resource[] {
  const [path = "", list = "", ...more] = text.split("=");
  if (path === "" || list === "" || more.length > 0)
    throw new InvalidArgumentError("Allowed: PATH=ACTION,ACTION, such as team/app=push.");
  return [...before, { path, scopes: list.split(",").map((word) => words[word] ?? word) }];
}

function create(account: string, options: CreateOptions): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    const { label, description, scope, expires, resource } = options;
    const resources = resource?.map(({ path, scopes }) => {
      const type = path === account ? ("TYPE_ORG" as const) : ("TYPE_REPO" as const);
      return { type, path, scopes };
    });
    const { id, secret } = await accounts.accessTokens.issue({
      account,
      label,
      description,
      scope,
      resources,
      expiresAtMs: expires,
      agent: "berth",
    });
    const expiry = expires === undefined ? null : new Date(expires).toISOString();
    // Standard output has only the secret, for a pipe.
    say({ kind: "token", account, id, label, token: secret, expires: expiry }, secret);
    if (!options.json) printError(`Token ${id} of ${account}. It is not shown again.\n`);
  });
}

function list(account: string, options: ServerOptions): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    const date = (ms: number | null): string | null =>
      ms === null ? null : new Date(ms).toISOString();
    const newestFirst = await accounts.accessTokens.list(account);
    const tokens = orNone(newestFirst.toReversed(), `${account} has no access tokens`);
    for await (const token of tokens) {
      const { id, label, description, scopes, resources, isActive } = token;
      const expires = date(token.expiresAtMs);
      const lastUsed = date(token.lastUsedAtMs);
      const created = date(token.createdAtMs);
      const power = [
        ...scopes,
        ...resources.map((resource) => `${resource.path}=${resource.scopes.map(wordOf).join(",")}`),
      ].join(" ");
      const state = `${isActive ? "" : ", inactive"}, expires ${expires ?? "never"}, used ${lastUsed ?? "never"}`;
      say(
        {
          kind: "token",
          account,
          id,
          label,
          description,
          scopes,
          resources,
          isActive,
          created,
          expires,
          lastUsed,
        },
        `${id} ${label}: ${power}${state}`,
      );
    }
  });
}

function revoke(account: string, id: string, options: ServerOptions): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    await accounts.accessTokens.revoke(account, id);
    say({ kind: "token", account, id, revoked: true }, `token ${id} of ${account} revoked`);
  });
}
