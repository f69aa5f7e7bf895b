-- What a mirror knows beside its repositories. migrations/sqlite/0006-mirror.sql describes the columns.

CREATE TABLE mirror_fetches (
  repository        text COLLATE "C" NOT NULL,
  digest            text COLLATE "C" NOT NULL,
  owner             text COLLATE "C" NOT NULL,
  storage_reference text COLLATE "C" NOT NULL,
  size_bytes        bigint,
  touched_at        bigint NOT NULL,
  PRIMARY KEY (repository, digest)
) WITH (fillfactor = 70);

CREATE TABLE mirror_tags (
  repository text COLLATE "C" NOT NULL,
  tag        text COLLATE "C" NOT NULL,
  checked_at bigint NOT NULL,
  PRIMARY KEY (repository, tag)
) WITH (fillfactor = 90);

CREATE TABLE mirror_uses (
  namespace text COLLATE "C" NOT NULL,
  blob_id   bigint NOT NULL REFERENCES blobs (id) ON DELETE CASCADE,
  used_at   bigint NOT NULL,
  PRIMARY KEY (namespace, blob_id)
);
CREATE INDEX mirror_uses_by_blob ON mirror_uses (blob_id);
CREATE INDEX mirror_uses_by_time ON mirror_uses (namespace, used_at);

CREATE TABLE mirror_pins (
  repository text COLLATE "C" NOT NULL,
  tag        text COLLATE "C" NOT NULL,
  pinned_at  bigint NOT NULL,
  PRIMARY KEY (repository, tag)
);

CREATE TABLE mirror_counters (
  namespace text COLLATE "C" NOT NULL,
  name      text COLLATE "C" NOT NULL,
  value     bigint NOT NULL,
  PRIMARY KEY (namespace, name)
) WITH (fillfactor = 70);
