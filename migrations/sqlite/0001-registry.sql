-- What Berth knows about bytes.
--
--   repositories ─┬─< blob_links >── blobs                 which repository may show which blob; where its bytes lie
--                 ├─< manifests ──< manifest_references    exact bytes; what they name, in the pushed order
--                 ├─< tags ─────── manifests               where a tag points now
--                 ├─< tag_history                          where it pointed before
--                 └   uploads                              sessions that are open (by name: the repository may not exist yet)
--
-- Times are milliseconds since the epoch, sizes are bytes, digests are 'sha256:…' or 'sha512:…' as pushed.
-- Names compare bytewise, the order in which tags and repositories are listed.
-- A lease keeps what was just pushed or asked for from the collector while the manifest that names it is on its way.

CREATE TABLE repositories (
  id          INTEGER PRIMARY KEY,
  name        TEXT    NOT NULL UNIQUE,   -- canonical: 'library/alpine', 'team/app/api'
  namespace   TEXT    NOT NULL,          -- the first component
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL           -- last push or delete of a manifest or a tag
) STRICT;
CREATE INDEX repositories_by_namespace ON repositories (namespace, name);

CREATE TABLE blobs (
  id          INTEGER PRIMARY KEY,
  digest      TEXT    NOT NULL,
  size_bytes  INTEGER NOT NULL,
  storage_key TEXT    NOT NULL UNIQUE,   -- where the bytes lie; never used twice
  state       TEXT    NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'missing', 'deleting')),
  created_at  INTEGER NOT NULL
) STRICT;
-- At most one row a digest that a reader can see; one on its way out may lie beside its successor.
CREATE UNIQUE INDEX blobs_by_digest ON blobs (digest) WHERE state <> 'deleting';

CREATE TABLE blob_links (
  repository_id INTEGER NOT NULL REFERENCES repositories (id),
  blob_id       INTEGER NOT NULL REFERENCES blobs (id),
  created_at    INTEGER NOT NULL,
  leased_until  INTEGER NOT NULL,
  PRIMARY KEY (repository_id, blob_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_links_by_blob ON blob_links (blob_id);

CREATE TABLE manifests (
  id                INTEGER PRIMARY KEY,
  repository_id     INTEGER NOT NULL REFERENCES repositories (id),
  digest            TEXT    NOT NULL,
  media_type        TEXT    NOT NULL,
  kind              TEXT    NOT NULL CHECK (kind IN ('image', 'index', 'opaque')),
  size_bytes        INTEGER NOT NULL,
  artifact_type     TEXT,                -- as referrers show it
  config_media_type TEXT,
  subject_digest    TEXT,
  annotations       TEXT,                -- JSON object
  -- The platform an image says it is for in its config; those of an index stand with its references.
  os                TEXT,
  architecture      TEXT,
  variant           TEXT,
  os_version        TEXT,
  os_features       TEXT,                -- JSON array
  pushed_at         INTEGER NOT NULL,
  leased_until      INTEGER NOT NULL,
  content           BLOB    NOT NULL,    -- the exact bytes that were pushed
  UNIQUE (repository_id, digest)
) STRICT;
CREATE INDEX manifests_by_subject ON manifests (repository_id, subject_digest, digest) WHERE subject_digest IS NOT NULL;

CREATE TABLE manifest_references (
  manifest_id   INTEGER NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
  position      INTEGER NOT NULL,        -- order in the document, config first
  kind          TEXT    NOT NULL CHECK (kind IN ('config', 'layer', 'child')),
  digest        TEXT    NOT NULL,
  media_type    TEXT    NOT NULL,
  size_bytes    INTEGER NOT NULL,
  required      INTEGER NOT NULL,        -- 0: a foreign layer, which may lie elsewhere
  artifact_type TEXT,
  urls          TEXT,                    -- JSON array
  annotations   TEXT,                    -- JSON object
  os            TEXT,
  architecture  TEXT,
  variant       TEXT,
  os_version    TEXT,
  os_features   TEXT,                    -- JSON array
  PRIMARY KEY (manifest_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_references_by_digest ON manifest_references (digest, manifest_id);

CREATE TABLE tags (
  repository_id INTEGER NOT NULL REFERENCES repositories (id),
  name          TEXT    NOT NULL,
  manifest_id   INTEGER NOT NULL REFERENCES manifests (id),
  updated_at    INTEGER NOT NULL,
  PRIMARY KEY (repository_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_by_manifest ON tags (manifest_id);

CREATE TABLE tag_history (
  id            INTEGER PRIMARY KEY,
  repository_id INTEGER NOT NULL REFERENCES repositories (id),
  name          TEXT    NOT NULL,
  digest        TEXT,                    -- NULL: the tag was removed
  changed_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX tag_history_by_tag ON tag_history (repository_id, name, id);

CREATE TABLE uploads (
  id                TEXT    PRIMARY KEY, -- random; the only thing a location says
  repository        TEXT    NOT NULL,
  storage_reference TEXT    NOT NULL,    -- what the store needs to find the bytes again
  started_at        INTEGER NOT NULL,
  touched_at        INTEGER NOT NULL     -- last byte, to the nearest quarter of an hour
) STRICT, WITHOUT ROWID;
CREATE INDEX uploads_by_touched ON uploads (touched_at);
