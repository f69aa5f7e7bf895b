-- The mirrors that the API has added, beside those of the configuration. All processes read them every second.
CREATE TABLE added_mirrors (
  namespace  TEXT    NOT NULL PRIMARY KEY,
  visibility TEXT    NOT NULL CHECK (visibility IN ('private', 'public')),
  settings   TEXT    NOT NULL,   -- JSON: the other keys of an entry of "mirrors", as in the configuration; no password
  password   BLOB,               -- encrypted; NULL: none
  changed_at INTEGER NOT NULL,   -- milliseconds since the epoch
  changed_by TEXT    NOT NULL    -- the name of an account, or 'berth'
) STRICT, WITHOUT ROWID;
