-- The sessions of browsers: a cookie with a secret of 256 random bits. Only the hash of the secret is stored. A row ends
-- when it was not used for web.sessionIdle, or is older than web.sessionLifetime; maintenance deletes such rows.
CREATE TABLE browser_sessions (
  id          TEXT    PRIMARY KEY,        -- UUID, by which the account lists and ends its sessions
  account_id  INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  secret_hash TEXT    NOT NULL UNIQUE,    -- SHA-256
  password_at INTEGER NOT NULL,           -- when the password was checked; a later change of the password ends the session
  started_at  INTEGER NOT NULL,
  seen_at     INTEGER NOT NULL,           -- the last request, at most one minute late
  peer        TEXT    NOT NULL DEFAULT '',  -- address from which the session was started
  agent       TEXT    NOT NULL DEFAULT ''   -- User-Agent of the browser
) STRICT, WITHOUT ROWID;
CREATE INDEX browser_sessions_by_account ON browser_sessions (account_id, seen_at);
CREATE INDEX browser_sessions_by_seen ON browser_sessions (seen_at);
