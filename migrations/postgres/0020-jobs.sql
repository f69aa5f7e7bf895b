-- readable by: 0018
-- Long work of a server: collections, scrubs, and what mirrors download. The process that runs a job writes its progress
-- every 2 seconds; a job whose process has not written for 60 seconds has ended with it. Times are milliseconds since the
-- epoch.
CREATE TABLE jobs (
  id         text COLLATE "C" NOT NULL PRIMARY KEY,
  kind       text COLLATE "C" NOT NULL,              -- 'collection', 'scrub', 'warm' or 'sync'
  subject    text COLLATE "C" NOT NULL,              -- an image or a schedule of a mirror, otherwise ''
  dry_run    smallint NOT NULL,                      -- 1: it only lists what it would do
  actor      text COLLATE "C" NOT NULL,              -- the name of an account; 'berth': the timer of the server
  state      text COLLATE "C" NOT NULL CHECK (state IN ('running', 'done', 'failed', 'canceled')),
  started_at bigint NOT NULL,
  seen_at    bigint NOT NULL,
  ended_at   bigint,
  unwanted   smallint NOT NULL DEFAULT 0,            -- 1: the process should cancel it
  counts     text COLLATE "C" NOT NULL DEFAULT '{}', -- JSON: numbers by name
  findings   text COLLATE "C" NOT NULL DEFAULT '[]', -- JSON: the first things that it found or did
  reason     text COLLATE "C"                        -- why it failed
);
CREATE INDEX jobs_by_time ON jobs (started_at, id);
CREATE INDEX jobs_by_kind ON jobs (kind, started_at, id);

-- When a server will run a collection or a scrub next.
CREATE TABLE job_plans (
  kind    text COLLATE "C" NOT NULL PRIMARY KEY,
  next_at bigint NOT NULL
);
