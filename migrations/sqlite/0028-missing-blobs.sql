-- The blobs whose bytes are lost or wrong: /metrics counts them, and recovery and `berth check` list them. There are usually none.
CREATE INDEX blobs_missing ON blobs (id) WHERE state = 'missing';
