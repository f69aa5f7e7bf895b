-- Which processes fill mirrors on this database. One that is alone need not wait for a row that says what it fetches
-- before it asks the upstream. A process that has died is forgotten by the next one that looks, or when it was not seen.
CREATE TABLE mirror_processes (
  owner   TEXT    NOT NULL PRIMARY KEY,   -- as in mirror_fetches
  seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Manifests are fetched by one process for all, too: 'manifests/' and a digest or a tag, where a blob has its digest. They
-- gather in memory (storage_reference is '').
ALTER TABLE mirror_fetches RENAME COLUMN digest TO reference;
