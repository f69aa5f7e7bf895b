-- What several processes on one PostgreSQL database agree on. A data folder has one server, so these tables stay empty
-- and these columns NULL with SQLite. Times are milliseconds since the epoch, by the clock of the database.

-- The processes that serve requests. Each writes its row every 5 seconds. A row that is 60 seconds old is deleted.
CREATE TABLE replicas (
  id             TEXT    NOT NULL PRIMARY KEY,   -- random, another one at each start
  host           TEXT    NOT NULL,               -- the host name
  version        TEXT    NOT NULL,               -- of Berth
  schema_version INTEGER NOT NULL,               -- the newest migration that this Berth knows
  started_at     INTEGER NOT NULL,
  seen_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which replica does a work that only one does, such as the collection.
CREATE TABLE leases (
  name         TEXT    NOT NULL PRIMARY KEY,
  owner        TEXT    NOT NULL,                 -- replicas.id
  leased_until INTEGER NOT NULL,
  term         INTEGER NOT NULL                  -- rises by 1 with each change of the owner
) STRICT, WITHOUT ROWID;

-- The last run of each schedule of a mirror, so that two replicas do not run it twice.
CREATE TABLE schedules (
  name   TEXT    NOT NULL PRIMARY KEY,
  ran_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The keys that sign tokens, encrypted with auth.keySecret.
CREATE TABLE signing_keys (
  id         TEXT    NOT NULL PRIMARY KEY,
  algorithm  TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  sealed     BLOB    NOT NULL
) STRICT;

-- Rate limit of wrong passwords.
CREATE TABLE login_attempts (
  key     TEXT    NOT NULL PRIMARY KEY,
  full_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The lock of an upload: the replica that writes to it, the time until which the lock holds without a renewal, and
-- whether a request on another replica waits for it.
ALTER TABLE uploads ADD COLUMN holder TEXT;
ALTER TABLE uploads ADD COLUMN held_until INTEGER;
ALTER TABLE uploads ADD COLUMN wanted INTEGER NOT NULL DEFAULT 0;
