-- Which processes fill mirrors. migrations/sqlite/0007-mirror-processes.sql describes the columns.
CREATE TABLE mirror_processes (
  owner   text COLLATE "C" NOT NULL PRIMARY KEY,
  seen_at bigint NOT NULL
) WITH (fillfactor = 70);

ALTER TABLE mirror_fetches RENAME COLUMN digest TO reference;
