import { by, change } from "../contract/support.ts";
import { makeOrganisation, nameOf } from "./organisations.ts";
import type { Race } from "./race.ts";

/* Changes of accounts, and of what belongs to them. */

export const accountRaces: readonly Race[] = [
  {
    name: "two administrators demote each other: one stays",
    async prepare(trial) {
      const { commands, nowMs, rows, name } = trial;
      await makeOrganisation(trial, [undefined]);
      for (const letter of ["a", "b"])
        await commands.changeUser({ ...change, nowMs, name: nameOf(trial, letter), isAdmin: true });
      // The administrators of the trials before.
      for (const { name: other } of await rows<{ readonly name: string }>(
        `SELECT name FROM accounts WHERE is_admin = 1 AND disabled = 0 AND name NOT LIKE '%-${name}'`,
      ))
        await commands.changeUser({ ...change, nowMs, name: other, isAdmin: false });
      const demote = (letter: string) =>
        commands.changeUser({ ...change, nowMs, name: nameOf(trial, letter), isAdmin: false });
      return {
        first: () => demote("a"),
        second: () => demote("b"),
        check: async () => {
          const left = await rows<object>(
            `SELECT id FROM accounts WHERE is_admin = 1 AND disabled = 0`,
          );
          return left.length === 1 ? undefined : `${left.length} administrators`;
        },
      };
    },
  },
  {
    name: "an account is deleted while it creates a repository: no repository is without its account",
    async prepare(trial) {
      const { commands, nowMs, repository, rows, name } = trial;
      const made = await commands.createAccount({ ...change, nowMs, name, kind: "user" });
      const { actor } = by(Number(made), name);
      const creation = {
        actor,
        nowMs,
        repository: repository("app"),
        visibility: "private",
      } as const;
      return {
        first: () => commands.deleteAccount({ ...change, nowMs, name, kind: "user" }),
        second: () => commands.createRepository(creation),
        check: async () => {
          const left = await rows<object>(`
            SELECT id FROM repositories WHERE namespace = '${name}'
              AND NOT EXISTS (SELECT 1 FROM accounts WHERE accounts.name = repositories.namespace)`);
          return left.length === 0 ? undefined : "the repository has no account";
        },
      };
    },
  },
  {
    name: "an account is created while a repository of its name is: it knows that it takes it over",
    async prepare(trial) {
      const { commands, nowMs, repository, rows, name } = trial;
      const creation = {
        ...change,
        nowMs,
        repository: repository("app"),
        visibility: "private",
      } as const;
      return {
        first: () => commands.createAccount({ ...change, nowMs, name, kind: "user" }),
        second: () => commands.createRepository(creation),
        check: async ([made]) => {
          const [row] = await rows<{ readonly order: number }>(`
            SELECT (SELECT id FROM audit_log WHERE account = '${name}' AND action = 'user.create')
              - (SELECT id FROM audit_log WHERE account = '${name}' AND action = 'repo.create') AS "order"`);
          // The account is created first, or not at all.
          return typeof made !== "number" || (row?.order ?? 1) < 0
            ? undefined
            : "the account did not see the repository";
        },
      };
    },
  },
  {
    name: "two settings of a user are changed: both are set",
    async prepare(trial) {
      const { commands, nowMs, rows, name } = trial;
      await commands.createAccount({ ...change, nowMs, name, kind: "user" });
      const user = { ...change, nowMs, name };
      return {
        first: () => commands.changeUser({ ...user, isAdmin: true }),
        second: () => commands.changeUser({ ...user, disabled: true }),
        check: async () => {
          const found = await rows<object>(
            `SELECT id FROM accounts WHERE name = '${name}' AND is_admin = 1 AND disabled = 1`,
          );
          return found.length === 1 ? undefined : "a setting is lost";
        },
      };
    },
  },
  {
    name: "two fields of an access token are changed: both are set",
    async prepare(trial) {
      const { commands, nowMs, name, database } = trial;
      const accountId = Number(
        await commands.createAccount({ ...change, nowMs, name, kind: "user" }),
      );
      const token = { ...change, nowMs, id: `token ${name}`, accountId };
      await commands.createAccessToken({
        ...{ ...token, label: "old", description: "old", secretHash: name, scopes: [] },
        ...{ expiresAtMs: null, creatorAgent: "" },
      });
      return {
        first: () => commands.updateAccessToken({ ...token, label: "new" }),
        second: () => commands.updateAccessToken({ ...token, description: "new" }),
        check: async () => {
          const [found] = await database.accessTokens.list(accountId);
          return found?.label === "new" && found.description === "new"
            ? undefined
            : "a field is lost";
        },
      };
    },
  },
  {
    name: "a repository is starred while the stars are ranked: its document has the star",
    async prepare(trial) {
      const { commands, nowMs, name, rows, repository } = trial;
      const users = (await makeOrganisation(trial, [undefined])).users;
      const creation = {
        ...change,
        nowMs,
        repository: repository("app"),
        visibility: "private",
      } as const;
      await commands.createRepository(creation);
      const star = (letter: "a" | "b") =>
        commands.star({
          ...by(users[letter], nameOf(trial, letter)),
          repository: repository("app"),
        });
      await star("a");
      return {
        first: () => star("b"),
        second: () => commands.rankByStars({ limit: 1_000 }),
        check: async () => {
          while (await commands.rankByStars({ limit: 1_000 }));
          const [found] = await rows<{ readonly stars: number }>(`
            SELECT stars FROM search_documents JOIN repositories ON repositories.id = repository_id
            WHERE repositories.namespace = '${name}'`);
          return found?.stars === 2 ? undefined : `${found?.stars} stars`;
        },
      };
    },
  },
];
