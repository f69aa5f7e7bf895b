-- Who people are, and what they may do.
--
--   accounts ─┬─< members ───────── organisation, user and role
--             ├─< teams ──< team_members, team_permissions >── repositories
--             ├─< collaborators >── repositories                a user's own permission on one repository
--             ├─< access_tokens                                 secrets that stand in for a password; only their hashes
--             └   namespace = accounts.name                     repositories hang on the name, not on the row
--
-- A namespace without an account is open to administrators alone. Ids of accounts are never used twice, so that what
-- is bound to one (an upload, a token) never falls to a later account of the same name.

CREATE TABLE accounts (
  id                  INTEGER PRIMARY KEY AUTOINCREMENT,
  name                TEXT    NOT NULL UNIQUE,  -- a namespace: one component of a repository name, never a reserved word
  kind                TEXT    NOT NULL CHECK (kind IN ('user', 'organisation')),
  full_name           TEXT    NOT NULL DEFAULT '',
  email               TEXT,
  is_admin            INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1)),
  disabled            INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
  password_hash       TEXT,                     -- as src/auth/passwords.ts writes it; NULL: no password opens it
  password_changed_at INTEGER,
  created_at          INTEGER NOT NULL
) STRICT;

CREATE TABLE members (
  organisation_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  user_id         INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  role            TEXT    NOT NULL CHECK (role IN ('owner', 'editor', 'member')),  -- an editor may create repositories
  created_at      INTEGER NOT NULL,
  PRIMARY KEY (organisation_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members (user_id);

CREATE TABLE teams (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  organisation_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name            TEXT    NOT NULL,
  description     TEXT    NOT NULL DEFAULT '',
  created_at      INTEGER NOT NULL,
  UNIQUE (organisation_id, name)
) STRICT;

CREATE TABLE team_members (
  team_id    INTEGER NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  user_id    INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (team_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX team_members_by_user ON team_members (user_id);

CREATE TABLE team_permissions (
  team_id       INTEGER NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
  permission    TEXT    NOT NULL CHECK (permission IN ('read', 'write', 'admin')),
  PRIMARY KEY (team_id, repository_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX team_permissions_by_repository ON team_permissions (repository_id);

CREATE TABLE collaborators (
  repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
  user_id       INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  permission    TEXT    NOT NULL CHECK (permission IN ('read', 'write', 'admin')),
  PRIMARY KEY (repository_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX collaborators_by_user ON collaborators (user_id);

CREATE TABLE access_tokens (
  id           TEXT    PRIMARY KEY,       -- UUID
  account_id   INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,  -- whose it is: a user, or an organisation
  label        TEXT    NOT NULL,
  description  TEXT    NOT NULL DEFAULT '',
  secret_hash  TEXT    NOT NULL UNIQUE,   -- SHA-256 of a secret of 160 random bits and more
  scopes       TEXT    NOT NULL,          -- JSON array; of a user: repo:admin, repo:write, repo:read, repo:public_read
  resources    TEXT,                      -- JSON array of {type, path, scopes}; only of an organisation
  created_by   INTEGER REFERENCES accounts (id) ON DELETE SET NULL,
  creator_peer TEXT    NOT NULL DEFAULT '',
  creator_agent TEXT   NOT NULL DEFAULT '',
  is_active    INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER,
  last_used_at INTEGER                    -- when a bearer token was last given out for it
) STRICT, WITHOUT ROWID;
CREATE INDEX access_tokens_by_account ON access_tokens (account_id, created_at);

-- Who did what to what, from where. Names as they were: rows outlive what they speak of.
CREATE TABLE audit_log (
  id      INTEGER PRIMARY KEY,
  at      INTEGER NOT NULL,
  actor   TEXT    NOT NULL,               -- name of the account, '' for anonymous, 'berth' for the command line
  account TEXT    NOT NULL,               -- the namespace it happened to
  action  TEXT    NOT NULL,               -- 'repo.tag.push', 'org.member.add', …
  subject TEXT    NOT NULL,               -- 'team/app', 'team/app:1.4', a user's or team's name
  data    TEXT    NOT NULL DEFAULT '{}',  -- JSON object of strings
  peer    TEXT    NOT NULL DEFAULT ''     -- address it came from
) STRICT;
CREATE INDEX audit_log_by_account ON audit_log (account, at);
CREATE INDEX audit_log_by_time ON audit_log (at);

-- Bytes of the distinct blobs that a namespace links to, kept exact only where there is a limit.
CREATE TABLE quotas (
  namespace   TEXT    PRIMARY KEY,
  limit_bytes INTEGER CHECK (limit_bytes >= 0),  -- NULL: what the configuration says
  used_bytes  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was here before there were accounts is nobody's yet: private, in organisations that administrators look after.
ALTER TABLE repositories ADD COLUMN visibility TEXT NOT NULL DEFAULT 'private' CHECK (visibility IN ('private', 'public'));
ALTER TABLE repositories ADD COLUMN immutable_tags TEXT;  -- JSON array of patterns; [] is all tags, NULL is none
CREATE INDEX repositories_public ON repositories (name) WHERE visibility = 'public';

-- Every removal of a repository has a number of its own, rising. A bearer token carries the number that was the
-- highest when it was made, and opens no repository of a name that was removed since.
CREATE TABLE repository_removals (
  name     TEXT    PRIMARY KEY,
  sequence INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

ALTER TABLE tag_history ADD COLUMN actor TEXT;            -- name of the account; NULL where nobody was known
ALTER TABLE uploads ADD COLUMN account_id INTEGER;        -- who began it; NULL: anonymous, or open mode

INSERT INTO accounts (name, kind, created_at)
  SELECT namespace, 'organisation', MIN(created_at) FROM repositories GROUP BY namespace;
INSERT INTO accounts (name, kind, created_at) SELECT 'library', 'organisation', CAST(unixepoch('subsec') * 1000 AS INTEGER)
  WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE name = 'library');
