import type { Digest } from "../../src/oci/digest.ts";
import { ociManifest, pushBlob, pushImageParts, putManifest } from "../support/berth.ts";
import { pushConfigs, pushHostileConfigs, pushIndexes } from "./images.ts";
import { pushReferrers } from "./referrers.ts";
import type { ClosedBerth } from "../support/closed.ts";

/** The objects that the worst requests name. */
export interface World {
  /** The image of `mia/big:one`. */
  readonly image: Digest;
  readonly imageBytes: number;
  readonly config: Digest;
  readonly layer: Digest;
  /** The subject of 1,000 manifests. */
  readonly subject: Digest;
  /** A blob of 4 MB. */
  readonly blob: Digest;
  /** Manifests that are expensive to show: large indexes, configs, annotations and texts. */
  readonly manifests: readonly Digest[];
  /** Manifests with documents that are expensive to read: SBOMs and statements of 8 MiB. */
  readonly referrers: readonly Digest[];
}

const numbers = (count: number): string =>
  `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})`;

/**
 * Fills a registry with as many objects as hostile users may create, in the namespace of `mia` and in the organisation
 * `team`, which she owns. Rows that need many requests are written directly to the database.
 */
export async function buildWorld(berth: ClosedBerth): Promise<World> {
  await berth.addUser("root", { is_admin: 1 });
  const mia = await berth.addUser("mia");
  const team = await berth.addOrganisation("team", "mia");
  const own = berth.as("mia");
  const parts = await pushImageParts(own, "mia/big");
  const { manifest: bytes, digest: image, config, layer } = parts;
  await putManifest(own, "mia/big", "one", bytes).expect(201);
  const descriptor = { mediaType: ociManifest, digest: image, size: bytes.length };
  const blob = await pushBlob(own, "mia/big", Buffer.alloc(4_000_000, 7));

  const manifests = [
    ...(await pushIndexes(own, descriptor)),
    ...(await pushConfigs(own, layer)),
    ...(await pushHostileConfigs(own, layer)),
  ];
  const referrers = await pushReferrers(own);
  await writePeople(berth, mia, team);
  await writeRepositories(berth, mia);
  await writeContents(berth, image);
  await writeMirror(berth);
  await writeWebhooks(berth);
  return {
    image,
    imageBytes: bytes.length,
    config,
    layer,
    subject: image,
    blob,
    manifests,
    referrers,
  };
}

async function writePeople(berth: ClosedBerth, mia: number, team: number): Promise<void> {
  await berth.exec(`
    ${numbers(2_000)} INSERT INTO accounts (name, kind, email, created_at)
      SELECT 'user' || n, 'user', 'user' || n || '@example.com', 0 FROM numbers;
    INSERT INTO members (organisation_id, user_id, role, created_at)
      SELECT ${team}, id, 'member', 0 FROM accounts WHERE name LIKE 'user%';
    ${numbers(500)} INSERT INTO teams (organisation_id, name, created_at) SELECT ${team}, 'team' || n, 0 FROM numbers;
    INSERT INTO team_members (team_id, user_id, created_at)
      SELECT teams.id, accounts.id, 0 FROM teams JOIN accounts ON accounts.name LIKE 'user%'
      WHERE (teams.id + accounts.id) % 100 = 0 OR teams.name = 'team1';
    ${numbers(500)} INSERT INTO accounts (name, kind, created_at) SELECT 'org' || n, 'organisation', 0 FROM numbers;
    INSERT INTO members (organisation_id, user_id, role, created_at)
      SELECT id, ${mia}, 'owner', 0 FROM accounts WHERE name LIKE 'org%' AND kind = 'organisation';
    ${numbers(500)} INSERT INTO access_tokens (id, account_id, label, secret_hash, scopes, created_at)
      SELECT 'personal-' || n, ${mia}, 'label', 'p' || n, '["repo:read"]', n FROM numbers;
    ${numbers(500)} INSERT INTO access_tokens (id, account_id, label, secret_hash, scopes, resources, created_at)
      SELECT 'team-' || n, ${team}, 'label', 't' || n, '[]', '[]', n FROM numbers;
    ${numbers(50_000)} INSERT INTO audit_log (at, actor, account, action, subject, data, peer)
      SELECT n, 'mia', 'mia', 'repo.tag.push', 'mia/big:one', '{}', '' FROM numbers`);
}

async function writeRepositories(berth: ClosedBerth, mia: number): Promise<void> {
  // As many values of each facet as a repository can have. The index gets its documents again at once at the end.
  const faceted = "SELECT id FROM repositories WHERE name LIKE 'mia/aa-%' ORDER BY id LIMIT 1000";
  await berth.exec(`
    ${numbers(4_000)} INSERT INTO repositories (name, namespace, created_at, updated_at, visibility)
      SELECT 'mia/aa-bb-cc-dd-' || n, 'mia', n, n, iif(n % 2, 'public', 'private') FROM numbers;
    DELETE FROM search_documents WHERE repository_id IN (${faceted});
    ${numbers(100)} INSERT INTO repository_facets (repository_id, facet, value, uses)
      SELECT id, facet, '10.0.' || (10000 + (id * 100 + n) % 90000) || '.' || id, 1 FROM (${faceted}), numbers,
        (SELECT 'os' AS facet UNION SELECT 'os_version' UNION SELECT 'architecture' UNION SELECT 'type');
    INSERT INTO search_documents (repository_id, is_official) SELECT id, 0 FROM (${faceted});
    INSERT INTO stars SELECT ${mia}, id, 0 FROM repositories LIMIT 4000;
    UPDATE repositories SET visibility = 'public' WHERE name = 'mia/big';
    INSERT INTO team_permissions SELECT teams.id, repositories.id, 'write' FROM teams, repositories
      WHERE repositories.name = 'mia/big' OR teams.name = 'team1';
    INSERT INTO collaborators SELECT repositories.id, accounts.id, 'read' FROM accounts, repositories
      WHERE repositories.name = 'mia/big' AND accounts.name LIKE 'user%'`);
}

async function writeContents(berth: ClosedBerth, image: Digest): Promise<void> {
  const big = "(SELECT id FROM repositories WHERE name = 'mia/big')";
  const one = `(SELECT id FROM manifests WHERE digest = '${image}' AND repository_id = ${big})`;
  await berth.exec(`
    ${numbers(20_000)} INSERT INTO tags (repository_id, name, manifest_id, updated_at)
      SELECT ${big}, 't' || n || '-${"a".repeat(110)}', ${one}, n FROM numbers;
    ${numbers(50_000)} INSERT INTO tag_history (repository_id, name, digest, changed_at, actor)
      SELECT ${big}, 'one', '${image}', n, 'mia' FROM numbers;
    ${numbers(1_000)} INSERT INTO manifests (repository_id, digest, media_type, kind, size_bytes, artifact_type,
        subject_digest, annotations, pushed_at, leased_until, content)
      SELECT ${big}, 'sha256:' || printf('%064x', n), '${ociManifest}', 'image', 10, 'a/b',
        '${image}', '{"a":"${"x".repeat(20_000)}"}', n, 0, x'00' FROM numbers;
    ${numbers(3_000)} INSERT INTO blobs (digest, size_bytes, storage_key, created_at)
      SELECT 'sha256:' || printf('%064x', 1000000 + n), 1, 'none-' || n, 0 FROM numbers;
    INSERT INTO blob_links (repository_id, blob_id, created_at, leased_until)
      SELECT ${big}, id, 0, 0 FROM blobs WHERE storage_key LIKE 'none-%';
    INSERT INTO blob_links (repository_id, blob_id, created_at, leased_until)
      SELECT repositories.id, blobs.id, 0, 0 FROM blobs JOIN repositories
      WHERE storage_key LIKE 'none-%' AND visibility = 'private' AND repositories.id % 100 = 0`);
}

/** A mirror with all blobs, and 10,000 open uploads. */
async function writeMirror(berth: ClosedBerth): Promise<void> {
  await berth.exec(`
    INSERT INTO repositories (name, namespace, visibility, created_at, updated_at)
      VALUES ('docker.io/library/big', 'docker.io', 'public', 0, 0);
    INSERT INTO blob_links (repository_id, blob_id, created_at, leased_until)
      SELECT repositories.id, blobs.id, 0, 0 FROM repositories, blobs
      WHERE repositories.name = 'docker.io/library/big';
    ${numbers(10_000)} INSERT INTO uploads (id, repository, storage_reference, started_at, touched_at)
      SELECT 'upload' || n, 'mia/big', '01ARZ3NDEKTSV4RR' || (1000000000 + n), 0, 0 FROM numbers`);
}

/** The most webhooks of each scope; the first has 10,000 dead deliveries with the longest answers. */
async function writeWebhooks(berth: ClosedBerth): Promise<void> {
  for (const [id, scope] of [
    ["repository", "mia/big"],
    ["namespaces", "mia"],
    ["admin", ""],
  ])
    await berth.exec(`
      ${numbers(50)} INSERT INTO webhooks (id, scope, url, format, secret, is_active, creator, created_at)
        SELECT '${id}-' || n, '${scope}', 'http://127.0.0.1:9/', 'cloudevents', x'00', 0, 'mia', n FROM numbers;
      INSERT INTO webhook_events SELECT id, 'push' FROM webhooks WHERE scope = '${scope}';
      ${numbers(10_000)} INSERT INTO events (at, type, actor, peer, namespace, repository, tag, data)
        SELECT n, 'push', 'mia', '', 'mia', 'mia/big', 'one', '{}' FROM numbers;
      INSERT INTO webhook_deliveries (webhook_id, event_id, subject, state, next_at, ended_at, answer)
        SELECT '${id}-1', id, 'mia/big:one', 'dead', 0, 9999999999999, '${"x".repeat(4_096)}'
        FROM events ORDER BY id DESC LIMIT 10000`);
}
