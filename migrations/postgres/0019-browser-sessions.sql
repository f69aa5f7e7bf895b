-- readable by: 0018
-- The sessions of browsers. migrations/sqlite/0019-browser-sessions.sql describes the columns.

CREATE TABLE browser_sessions (
  id          text COLLATE "C" PRIMARY KEY,
  account_id  bigint NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  secret_hash text COLLATE "C" NOT NULL UNIQUE,
  password_at bigint NOT NULL,
  started_at  bigint NOT NULL,
  seen_at     bigint NOT NULL,
  peer        text COLLATE "C" NOT NULL DEFAULT '',
  agent       text COLLATE "C" NOT NULL DEFAULT ''
) WITH (fillfactor = 90);
CREATE INDEX browser_sessions_by_account ON browser_sessions (account_id, seen_at);
CREATE INDEX browser_sessions_by_seen ON browser_sessions (seen_at);
