-- What the collector checks. migrations/sqlite/0002-collection.sql describes the columns.

CREATE TABLE manifest_reviews (
  manifest_id bigint PRIMARY KEY REFERENCES manifests (id) ON DELETE CASCADE,
  due_at      bigint NOT NULL
);
CREATE INDEX manifest_reviews_by_due ON manifest_reviews (due_at);

CREATE TABLE blob_reviews (
  repository_id bigint NOT NULL,
  blob_id       bigint NOT NULL,
  due_at        bigint NOT NULL,
  PRIMARY KEY (repository_id, blob_id),
  FOREIGN KEY (repository_id, blob_id) REFERENCES blob_links (repository_id, blob_id) ON DELETE CASCADE
);
CREATE INDEX blob_reviews_by_due ON blob_reviews (due_at);

CREATE INDEX blobs_on_their_way_out ON blobs (id) WHERE state = 'deleting';

CREATE TABLE instance (
  only_row        bigint PRIMARY KEY CHECK (only_row = 1),
  id              text COLLATE "C" NOT NULL,
  clean_stop      smallint NOT NULL,
  checkpointed_at bigint NOT NULL
);

ALTER TABLE blobs ADD COLUMN scrubbed_at bigint NOT NULL DEFAULT 0;
CREATE INDEX blobs_by_scrub ON blobs (scrubbed_at) WHERE state = 'live';
