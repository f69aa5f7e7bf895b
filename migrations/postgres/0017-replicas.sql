-- What several processes on one database agree on. Times are milliseconds since the epoch, by the clock of the database.

-- The processes that serve requests. Each writes its row every 5 seconds. A row that is 60 seconds old is deleted.
CREATE TABLE replicas (
  id             text COLLATE "C" NOT NULL PRIMARY KEY,   -- random, another one at each start
  host           text COLLATE "C" NOT NULL,               -- the host name
  version        text COLLATE "C" NOT NULL,               -- of Berth
  schema_version bigint NOT NULL,                         -- the newest migration that this Berth knows
  started_at     bigint NOT NULL,
  seen_at        bigint NOT NULL
);

-- Which replica does a work that only one does, such as the collection.
CREATE TABLE leases (
  name         text COLLATE "C" NOT NULL PRIMARY KEY,
  owner        text COLLATE "C" NOT NULL,                 -- replicas.id
  leased_until bigint NOT NULL,
  term         bigint NOT NULL                            -- rises by 1 with each change of the owner
);

-- The last run of each schedule of a mirror, so that two replicas do not run it twice.
CREATE TABLE schedules (
  name   text COLLATE "C" NOT NULL PRIMARY KEY,
  ran_at bigint NOT NULL
);

-- The keys that sign tokens, encrypted with auth.keySecret.
CREATE TABLE signing_keys (
  id         text COLLATE "C" NOT NULL PRIMARY KEY,
  algorithm  text COLLATE "C" NOT NULL,
  created_at bigint NOT NULL,
  sealed     bytea NOT NULL
);

-- Rate limit of wrong passwords. UNLOGGED: a crash of the database empties it, as the restart of a process empties the
-- limits in memory.
CREATE UNLOGGED TABLE login_attempts (
  key     text COLLATE "C" NOT NULL PRIMARY KEY,
  full_at bigint NOT NULL
);

-- The lock of an upload: the replica that writes to it, the time until which the lock holds without a renewal, and
-- whether a request on another replica waits for it. They have no index, so that a renewal is a HOT update.
ALTER TABLE uploads ADD COLUMN holder text COLLATE "C";
ALTER TABLE uploads ADD COLUMN held_until bigint;
ALTER TABLE uploads ADD COLUMN wanted smallint NOT NULL DEFAULT 0;
