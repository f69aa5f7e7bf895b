import { generateTokenSecret, hashTokenSecret } from "../../src/auth/tokens/secret.ts";
import { pushBlob, pushImageParts, putManifest } from "../support/berth.ts";
import { startClosedBerth } from "../support/closed.ts";
import { isPostgresTested } from "../support/postgres.ts";

/*
 * A server with one organisation, its owner eve and the administrator adam, and the ways in which they lose permissions.
 */

// With PostgreSQL a pool of 3 has one connection for commands.
const mirror = { namespace: "docker.io", upstream: "https://127.0.0.1:9", visibility: "public" };
export const berth = await startClosedBerth({
  "database.pool": "3",
  // So that each request may come from an address of its own.
  trustedProxies: "127.0.0.1",
  mirrors: JSON.stringify([{ ...mirror, schedule: [{ image: "library/app" }] }]),
});
for (const name of ["ann", "mia", "tom", "eve"]) await berth.addUser(name);
await berth.addUser("adam", { is_admin: 1 });
const team = await berth.addOrganisation("team", "ann");
const { tables } = berth;
const eve = Number(await tables.value("SELECT id FROM accounts WHERE name = 'eve'"));
export const join = `INSERT INTO members SELECT ${team}, id, 'owner', 0 FROM accounts WHERE name = 'eve'`;
await tables.exec(`${join};
  INSERT INTO members SELECT ${team}, id, 'member', 0 FROM accounts WHERE name = 'mia';
  INSERT INTO teams (id, organisation_id, name, created_at) VALUES (1, ${team}, 'devs', 0);
  INSERT INTO team_members SELECT 1, id, 0 FROM accounts WHERE name = 'mia';
  INSERT INTO accounts (name, kind, created_at) VALUES ('other', 'organisation', 0);
  INSERT INTO invites SELECT 'for-eve', id, ${eve}, NULL, 'member', 'root', 0 FROM accounts WHERE name = 'other';
  INSERT INTO invites SELECT 'for-tom', ${team}, id, NULL, 'member', 'ann', 0 FROM accounts WHERE name = 'tom'`);
export const personal = generateTokenSecret("personal");
const ofEve = { id: "of-eve", account_id: eve, secret_hash: hashTokenSecret(personal) };
const ofTeam = { id: "of-team", account_id: team, secret_hash: "no hash", resources: "[]" };
for (const token of [
  { ...ofEve, scopes: '["repo:admin"]' },
  { ...ofTeam, scopes: "[]" },
])
  await tables.insert("access_tokens", { ...token, label: "x", created_at: 0 });

// Maintenance deletes sessions and jobs of the past.
const nowMs = Date.now();
await tables.insert("browser_sessions", {
  ...{ id: "of-eve", account_id: eve, secret_hash: "no hash" },
  ...{ password_at: nowMs, started_at: nowMs, seen_at: nowMs },
});

const ann = berth.as("ann");
export const { manifest, layer } = await pushImageParts(ann, "team/app");
for (const annotations of [{}, { a: "b" }]) {
  const image = { ...(JSON.parse(manifest.toString()) as object), annotations };
  await putManifest(ann, "team/app", "1", image).expect(201);
}
export const spare = await pushBlob(ann, "team/app", "spare");
await tables.exec(`INSERT INTO stars SELECT ${eve}, id, 0 FROM repositories WHERE name = 'team/app';
  INSERT INTO team_permissions SELECT 1, id, 'read' FROM repositories WHERE name = 'team/app';
  INSERT INTO collaborators SELECT repositories.id, accounts.id, 'read' FROM repositories, accounts
    WHERE repositories.name = 'team/app' AND accounts.name = 'mia';
  INSERT INTO quotas (namespace, limit_bytes, used_bytes) VALUES ('eve', 5000000, 0);
  INSERT INTO retention_policies (scope, repository_id, rules, changed_at, changed_by)
    SELECT name, id, '[]', 0, 'ann' FROM repositories WHERE name = 'team/app';
  INSERT INTO retention_policies (scope, rules, changed_at, changed_by) VALUES ('team', '[]', 0, 'ann');
  INSERT INTO jobs (id, kind, subject, dry_run, actor, state, started_at, seen_at)
    VALUES ('running', 'sync', '', 0, 'adam', 'running', ${nowMs}, ${nowMs})`);

/** Bytes in the SQL of both databases. */
const sealed = `CAST('sealed' AS ${isPostgresTested ? "bytea" : "blob"})`;
// Webhooks that are switched off, each with a dead delivery.
await tables.exec(`INSERT INTO events (id, at, type, actor, peer, namespace, data)
    VALUES (1, ${nowMs}, 'ping', '', '', 'team', '{}');
  INSERT INTO webhooks (id, scope, url, format, secret, is_active, creator, created_at) VALUES
    ('of-app', 'team/app', 'http://127.0.0.1:9/', 'cloudevents', ${sealed}, 0, 'ann', 0),
    ('of-team', 'team', 'http://127.0.0.1:9/', 'cloudevents', ${sealed}, 0, 'ann', 0),
    ('of-server', '', 'http://127.0.0.1:9/', 'cloudevents', ${sealed}, 0, 'adam', 0);
  INSERT INTO webhook_events SELECT id, 'push' FROM webhooks;
  INSERT INTO webhook_deliveries (id, webhook_id, event_id, subject, state, next_at, ended_at) VALUES
    (1, 'of-app', 1, 'ping', 'dead', 0, ${nowMs}), (2, 'of-team', 1, 'ping', 'dead', 0, ${nowMs}),
    (3, 'of-server', 1, 'ping', 'dead', 0, ${nowMs})`);

// A cached tag of the mirror.
await tables.exec(`INSERT INTO repositories (name, namespace, visibility, created_at, updated_at)
    VALUES ('docker.io/library/app', 'docker.io', 'public', 0, 0);
  INSERT INTO manifests (repository_id, digest, media_type, kind, size_bytes, pushed_at, leased_until, content)
    SELECT (SELECT id FROM repositories WHERE name = 'docker.io/library/app'),
      digest, media_type, kind, size_bytes, 0, 0, content
    FROM manifests WHERE id = (SELECT min(id) FROM manifests);
  INSERT INTO tags (repository_id, name, manifest_id, updated_at) SELECT repository_id, '1', manifests.id, 0
    FROM manifests JOIN repositories ON repositories.id = repository_id
    WHERE repositories.name = 'docker.io/library/app'`);
// A mirror that the API has added, with its organisation.
const added = { upstream: "https://added.example" };
await tables.insert("accounts", { name: "added.example", kind: "organisation", created_at: 0 });
await tables.insert("added_mirrors", {
  ...{ namespace: "added.example", visibility: "public", settings: JSON.stringify(added) },
  ...{ changed_at: 0, changed_by: "adam" },
});
/** A key that verifies, and does not sign. */
export const { id: oldKey } = await berth.key();
await berth.as("adam").api.post("/api/berth/v1/admin/keys").expect(201);

export const ways = {
  "the account is disabled": [
    "UPDATE accounts SET disabled = 1 WHERE name = 'eve'",
    "UPDATE accounts SET disabled = 0 WHERE name = 'eve'",
  ],
  "the member is dismissed": [`DELETE FROM members WHERE user_id = ${eve}`, join],
  "the access token is revoked": [
    "UPDATE access_tokens SET is_active = 0 WHERE id = 'of-eve'",
    "UPDATE access_tokens SET is_active = 1 WHERE id = 'of-eve'",
  ],
  "the administrator is demoted": [
    "UPDATE accounts SET is_admin = 0 WHERE name = 'adam'",
    "UPDATE accounts SET is_admin = 1 WHERE name = 'adam'",
  ],
} as const;
