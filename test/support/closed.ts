import { mkdirSync, mkdtempSync } from "node:fs";
import path from "node:path";
import { after } from "node:test";
import supertest from "supertest";
import { createPasswords } from "../../src/auth/passwords.ts";
import { openKeyStore } from "../../src/app/database.ts";
import type { SigningKey } from "../../src/auth/signing-keys/key.ts";
import { hashTokenSecret, generateTokenSecret } from "../../src/auth/tokens/secret.ts";
import { pushImageParts, putManifest, startBerth, type TestBerth } from "./berth.ts";
import type { Settings } from "./settings.ts";
import { openDatabaseOf } from "./database.ts";
import { temporaryFolder } from "./temporary.ts";

/** The password of every user in these tests. */
export const password = "correct horse battery";

/** A Berth with accounts. Tests add users, organisations and tokens directly in its database. */
export interface ClosedBerth extends TestBerth {
  /** The same server; every request has Basic credentials of `name` with {@link password} or `secret`. */
  as(name: string, secret?: string): TestBerth;
  /** The same server; every request has this bearer token. */
  with(token: string): TestBerth;
  /** Requests a bearer token from `/token`. Without a name the request is anonymous. */
  token(name: string | undefined, ...scopes: string[]): Promise<string>;
  /** Changes the database from outside the server, as the command line does. */
  exec(sql: string): Promise<void>;
  addUser(name: string, columns?: Readonly<Record<string, number>>): Promise<number>;
  addOrganisation(name: string, owner: string): Promise<number>;
  /** Adds an access token of an organisation and returns its secret, which clients send as password. */
  addRobot(organisation: string, resources: readonly object[]): Promise<string>;
  addPersonalToken(user: string, scope: string): Promise<string>;
  /** Pushes an image with the tag `1` as `pusher`, and sets the visibility of the repository. */
  pushImage(repository: string, pusher: string, visibility: "private" | "public"): Promise<void>;
  /** The current signing key. */
  key(): Promise<SigningKey>;
}

export async function startClosedBerth(
  settings: Settings = {},
  options: { readonly log?: (lines: string) => void } = {},
): Promise<ClosedBerth> {
  const folder = temporaryFolder();
  mkdirSync(folder, { recursive: true });
  const closed = { "auth.open": "false", "auth.adminPassword": password, ...settings };
  const berth = await startBerth(mkdtempSync(path.join(folder, "data-")), closed, options);
  after(() => berth.close());
  const hash = await createPasswords({ clock: Date.now }).hash(password);
  const url = `http://127.0.0.1:${berth.port}`;
  const { tables } = berth;
  const idOf = async (name: string): Promise<number> =>
    Number(await tables.value("SELECT id FROM accounts WHERE name = ?", name));
  const addAccessToken = async (
    kind: "personal" | "organisation",
    owner: string,
    columns: Readonly<Record<string, string>>,
  ): Promise<string> => {
    const secret = generateTokenSecret(kind);
    const id = `${kind}-${secret.slice(-8)}`;
    const hashed = {
      id,
      account_id: await idOf(owner),
      label: "test",
      secret_hash: hashTokenSecret(secret),
    };
    await tables.insert("access_tokens", { ...hashed, scopes: "[]", created_at: 0, ...columns });
    return secret;
  };
  const as = (name: string, secret = password): TestBerth => ({
    ...berth,
    api: supertest.agent(url).auth(name, secret),
  });

  return {
    ...berth,
    as,
    with: (token) => ({ ...berth, api: supertest.agent(url).auth(token, { type: "bearer" }) }),
    async token(name, ...scopes) {
      const asked = supertest(url).get("/token").query({ service: "berth", scope: scopes });
      if (name !== undefined) asked.auth(name, password);
      const { body } = await asked.expect(200);
      return (body as { token: string }).token;
    },
    exec: (sql) => tables.exec(sql),
    addUser: (name, columns = {}) =>
      tables.insert("accounts", {
        ...{ name, kind: "user", password_hash: hash, created_at: 0 },
        ...columns,
      }),
    async addOrganisation(name, owner) {
      const id = await tables.insert("accounts", { name, kind: "organisation", created_at: 0 });
      await tables.insert("members", {
        ...{ organisation_id: id, user_id: await idOf(owner), role: "owner", created_at: 0 },
      });
      return id;
    },
    addRobot: (organisation, resources) =>
      addAccessToken("organisation", organisation, { resources: JSON.stringify(resources) }),
    addPersonalToken: (user, scope) =>
      addAccessToken("personal", user, { scopes: JSON.stringify([scope]) }),
    async pushImage(repository, pusher, visibility) {
      const { manifest } = await pushImageParts(as(pusher), repository);
      await putManifest(as(pusher), repository, "1", manifest).expect(201);
      await tables.rows(
        "UPDATE repositories SET visibility = ? WHERE name IN (?, ?)",
        ...[visibility, repository, `library/${repository}`],
      );
    },
    async key() {
      const database = await openDatabaseOf(berth.data);
      const [newest] = await (await openKeyStore(berth.config, database)).list();
      await database.close();
      if (newest === undefined) throw new Error("there is no key");
      return newest;
    },
  };
}
