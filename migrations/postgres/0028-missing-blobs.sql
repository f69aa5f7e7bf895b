-- readable by: 0018
-- The blobs whose bytes are lost or wrong. migrations/sqlite/0028-missing-blobs.sql describes the index.
CREATE INDEX blobs_missing ON blobs (id) WHERE state = 'missing';
