-- What the mirror knows beside the repositories that it fills, which are rows like any other ('docker.io/library/alpine').
--
--   mirror_fetches    a blob on its way in: who brings it, and where its bytes gather, so that one process brings it for all
--   mirror_tags       when the upstream last said where a tag points
--   mirror_uses       when a blob was last asked for: the longest unused go first where a mirror is over its budget
--   mirror_pins       images that are never taken back
--   mirror_counters   sums over the mirror's life, for `berth mirror status`

CREATE TABLE mirror_fetches (
  repository        TEXT    NOT NULL,
  digest            TEXT    NOT NULL,
  owner             TEXT    NOT NULL,   -- a process, by a number of its own
  storage_reference TEXT    NOT NULL,   -- what the store needs to find the bytes
  size_bytes        INTEGER,            -- NULL: the upstream has not said
  touched_at        INTEGER NOT NULL,   -- the owner was alive
  PRIMARY KEY (repository, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE mirror_tags (
  repository TEXT    NOT NULL,
  tag        TEXT    NOT NULL,
  checked_at INTEGER NOT NULL,
  PRIMARY KEY (repository, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE mirror_uses (
  namespace TEXT    NOT NULL,
  blob_id   INTEGER NOT NULL REFERENCES blobs (id) ON DELETE CASCADE,
  used_at   INTEGER NOT NULL,
  PRIMARY KEY (namespace, blob_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX mirror_uses_by_blob ON mirror_uses (blob_id);
CREATE INDEX mirror_uses_by_time ON mirror_uses (namespace, used_at);

CREATE TABLE mirror_pins (
  repository TEXT    NOT NULL,
  tag        TEXT    NOT NULL,
  pinned_at  INTEGER NOT NULL,
  PRIMARY KEY (repository, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE mirror_counters (
  namespace TEXT    NOT NULL,
  name      TEXT    NOT NULL,
  value     INTEGER NOT NULL,
  PRIMARY KEY (namespace, name)
) STRICT, WITHOUT ROWID;
