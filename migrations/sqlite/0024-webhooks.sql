-- Webhooks: what happened (events), who is told (webhooks), and what was sent (webhook_deliveries). An event and its deliveries
-- are written in the transaction of the change, and only if a webhook wants them. Times are milliseconds since the epoch.
CREATE TABLE webhooks (
  id               TEXT    NOT NULL PRIMARY KEY,
  scope            TEXT    NOT NULL,           -- '': the server; 'team': a namespace; 'team/app': a repository
  url              TEXT    NOT NULL,
  format           TEXT    NOT NULL CHECK (format IN ('hub', 'distribution', 'cloudevents')),
  secret           BLOB    NOT NULL,           -- encrypted; it signs the deliveries
  old_secret       BLOB,                       -- the secret before, which also signs until old_secret_until
  old_secret_until INTEGER,
  is_active        INTEGER NOT NULL DEFAULT 1, -- 0: it gets no new events, and its deliveries wait
  creator          TEXT    NOT NULL,
  created_at       INTEGER NOT NULL,
  ended_at         INTEGER                     -- its repository or account was deleted: only the deliveries before are sent
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_by_scope ON webhooks (scope, created_at);

-- The types of events that a webhook wants.
CREATE TABLE webhook_events (
  webhook_id TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
  type       TEXT NOT NULL,
  PRIMARY KEY (webhook_id, type)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  id                    INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  at                    INTEGER NOT NULL,
  type                  TEXT    NOT NULL,
  actor                 TEXT    NOT NULL,
  peer                  TEXT    NOT NULL, -- the address of the client; '': none
  namespace             TEXT    NOT NULL,
  repository            TEXT,
  tag                   TEXT,
  digest                TEXT,
  previous_digest       TEXT,             -- of a tag that moved
  media_type            TEXT,
  size_bytes            INTEGER,
  visibility            TEXT,             -- of the repository
  repository_created_at INTEGER,
  data                  TEXT    NOT NULL  -- JSON: what only some types have
) STRICT;
CREATE INDEX events_by_namespace ON events (namespace, type, at);

CREATE TABLE webhook_deliveries (
  id             INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  webhook_id     TEXT    NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
  event_id       INTEGER NOT NULL REFERENCES events (id),
  subject        TEXT    NOT NULL,                   -- deliveries of one subject are sent in the order of their ids
  state          TEXT    NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
  attempts       INTEGER NOT NULL DEFAULT 0,
  tried_since    INTEGER,                            -- the first attempt since it waits
  next_at        INTEGER NOT NULL,                   -- the next attempt
  is_unreachable INTEGER NOT NULL DEFAULT 0,         -- 1: the receiver did not answer the last attempt
  ended_at       INTEGER,
  status         INTEGER,                            -- of the last answer
  answer         TEXT,                               -- the begin of the last answer, or why there was none
  duration_ms    INTEGER
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (webhook_id, id) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_in_order ON webhook_deliveries (webhook_id, subject, id) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_by_event ON webhook_deliveries (event_id);
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;
