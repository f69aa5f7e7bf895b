-- What the collector has to look at, written in the same transaction as the event that made it worth a look.
--
--   manifest_reviews   a manifest that may have lost what kept it: its tag, its index, its subject
--   blob_reviews       a link that may have lost its last manifest; once no link is left, the blob goes
--   manifests.leased_until, blob_links.leased_until   nothing under a lease is taken, whatever the queue says
--
-- A review is looked at when it is due (the event plus the grace time) and then forgotten; a look never harms.

CREATE TABLE manifest_reviews (
  manifest_id INTEGER PRIMARY KEY REFERENCES manifests (id) ON DELETE CASCADE,
  due_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX manifest_reviews_by_due ON manifest_reviews (due_at);

CREATE TABLE blob_reviews (
  repository_id INTEGER NOT NULL,
  blob_id       INTEGER NOT NULL,
  due_at        INTEGER NOT NULL,
  PRIMARY KEY (repository_id, blob_id),
  FOREIGN KEY (repository_id, blob_id) REFERENCES blob_links (repository_id, blob_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_reviews_by_due ON blob_reviews (due_at);

CREATE INDEX blobs_on_their_way_out ON blobs (id) WHERE state = 'deleting';

-- Everything that was here before the queues is looked at once.
INSERT INTO blob_reviews (repository_id, blob_id, due_at) SELECT repository_id, blob_id, created_at FROM blob_links;
INSERT INTO manifest_reviews (manifest_id, due_at) SELECT id, pushed_at FROM manifests;

-- Which store these rows speak of: the same id lies in the store itself, so that an unmounted volume is noticed.
CREATE TABLE instance (
  only_row          INTEGER PRIMARY KEY CHECK (only_row = 1),
  id                TEXT    NOT NULL,
  clean_stop        INTEGER NOT NULL,   -- 0 while a process runs, and after one that was cut off
  checkpointed_at   INTEGER NOT NULL    -- every blob older than this was seen to be whole
) STRICT;

-- A blob's last full reading, and what the scrubber found.
ALTER TABLE blobs ADD COLUMN scrubbed_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX blobs_by_scrub ON blobs (scrubbed_at) WHERE state = 'live';
