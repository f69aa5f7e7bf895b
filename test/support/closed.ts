import { mkdirSync, mkdtempSync } from "node:fs";
import path from "node:path";
import { after } from "node:test";
import SqliteDatabase from "../../src/database/sqlite/driver.ts";
import supertest from "supertest";
import { createPasswords } from "../../src/auth/passwords.ts";
import { createKeyFolder } from "../../src/auth/signing-keys/folder.ts";
import type { SigningKey } from "../../src/auth/signing-keys/key.ts";
import { hashTokenSecret, generateTokenSecret } from "../../src/auth/tokens/secret.ts";
import { pushImageParts, putManifest, startBerth, type Settings, type TestBerth } from "./berth.ts";
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
  exec(sql: string): void;
  addUser(name: string, columns?: Readonly<Record<string, number>>): number;
  addOrganisation(name: string, owner: string): number;
  /** Adds an access token of an organisation and returns its secret, which clients send as password. */
  addRobot(organisation: string, resources: readonly object[]): string;
  addPersonalToken(user: string, scope: string): string;
  /** Pushes an image with the tag `1` as `pusher`, and sets the visibility of the repository. */
  pushImage(repository: string, pusher: string, visibility: "private" | "public"): Promise<void>;
  /** The current signing key. */
  key(): Promise<SigningKey>;
}

export async function startClosedBerth(settings: Settings = {}): Promise<ClosedBerth> {
  const folder = temporaryFolder();
  mkdirSync(folder, { recursive: true });
  const berth = await startBerth(mkdtempSync(path.join(folder, "data-")), {
    "auth.open": "false",
    "auth.adminPassword": password,
    ...settings,
  });
  const connection = new SqliteDatabase(path.join(berth.data, "berth.db"));
  after(async () => {
    connection.close();
    await berth.close();
  });
  const hash = await createPasswords({ clock: Date.now }).hash(password);
  const url = `http://127.0.0.1:${berth.port}`;
  const insert = (table: string, columns: Readonly<Record<string, number | string>>): number => {
    const names = Object.keys(columns);
    const marks = names.map(() => "?").join(", ");
    const statement = `INSERT INTO ${table} (${names.join(", ")}) VALUES (${marks})`;
    return Number(connection.prepare(statement).run(Object.values(columns)).lastInsertRowid);
  };
  const idOf = (name: string): number =>
    connection.prepare("SELECT id FROM accounts WHERE name = ?").pluck().get(name) as number;
  const addAccessToken = (
    kind: "personal" | "organisation",
    owner: string,
    columns: Readonly<Record<string, string>>,
  ): string => {
    const secret = generateTokenSecret(kind);
    const id = `${kind}-${secret.slice(-8)}`;
    const hashed = {
      id,
      account_id: idOf(owner),
      label: "test",
      secret_hash: hashTokenSecret(secret),
    };
    insert("access_tokens", { ...hashed, scopes: "[]", created_at: 0, ...columns });
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
    exec: (sql) => void connection.exec(sql),
    addUser: (name, columns = {}) =>
      insert("accounts", {
        ...{ name, kind: "user", password_hash: hash, created_at: 0 },
        ...columns,
      }),
    addOrganisation(name, owner) {
      const id = insert("accounts", { name, kind: "organisation", created_at: 0 });
      insert("members", {
        ...{ organisation_id: id, user_id: idOf(owner), role: "owner", created_at: 0 },
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
      connection
        .prepare("UPDATE repositories SET visibility = ? WHERE name IN (?, 'library/' || ?)")
        .run(visibility, repository, repository);
    },
    async key() {
      const [newest] = await createKeyFolder(path.join(berth.data, "keys")).list();
      if (newest === undefined) throw new Error("there is no key");
      return newest;
    },
  };
}
