-- Long work of a server: collections, scrubs, and what mirrors download. The process that runs a job writes its progress
-- every 2 seconds; a job whose process has not written for 60 seconds has ended with it. Times are milliseconds since the
-- epoch.
CREATE TABLE jobs (
  id         TEXT    NOT NULL PRIMARY KEY,
  kind       TEXT    NOT NULL,              -- 'collection', 'scrub', 'warm' or 'sync'
  subject    TEXT    NOT NULL,              -- an image or a schedule of a mirror, otherwise ''
  dry_run    INTEGER NOT NULL,              -- 1: it only lists what it would do
  actor      TEXT    NOT NULL,              -- the name of an account; 'berth': the timer of the server
  state      TEXT    NOT NULL CHECK (state IN ('running', 'done', 'failed', 'canceled')),
  started_at INTEGER NOT NULL,
  seen_at    INTEGER NOT NULL,
  ended_at   INTEGER,
  unwanted   INTEGER NOT NULL DEFAULT 0,    -- 1: the process should cancel it
  counts     TEXT    NOT NULL DEFAULT '{}', -- JSON: numbers by name
  findings   TEXT    NOT NULL DEFAULT '[]', -- JSON: the first things that it found or did
  reason     TEXT                           -- why it failed
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_by_time ON jobs (started_at, id);
CREATE INDEX jobs_by_kind ON jobs (kind, started_at, id);

-- When a server will run a collection or a scrub next.
CREATE TABLE job_plans (
  kind    TEXT    NOT NULL PRIMARY KEY,
  next_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
